/*
Transpose: B = Aᵀ. A is (M, N), B is (N, M), float, row-major, any M and N.

nvcc -O3 -std=c++17 -lineinfo -arch=native transpose.cu -o transpose && ./transpose

Nothing is computed: the bound is a copy of the same bytes. Each version removes one cost:

copy       the bound: reads and writes the same bytes, both in order
naive      one thread an element; a warp's 32 writes go to 32 rows of B, 32 sectors of 32 bytes
tile       through a 32×32 tile of shared memory: reads and writes are both coalesced,
           but a column of the tile lies in one bank: 32-way conflict
padded     one unused column, tile[32][33]: the column spreads over all 32 banks
coarsened  32×8 threads, 4 rows each: 4 loads in flight a thread, and fewer barriers
swizzled   64×64 tile, float4 to and from global and shared memory, XOR instead of padding
aligned    for rows of any length: each row's stores begin on a 32-byte sector, so that
           no sector is written in two halves by two blocks

naive to coarsened put the tile rows into gridDim.y: M ≤ 65535 × 32. The last two have a
one-dimensional grid and no such limit.
*/
#include "../harness/harness.h"

constexpr int TILE = 32;

// ----------------------------------------------------------------------------
// CPU reference, from the definition: B[j][i] = A[i][j]

using Case = harness::Case<float>;
using Run = harness::Run<float>;

std::vector<double> transpose_reference(const Case& c) {
    size_t M = c.shape[0], N = c.shape[1];
    std::vector<double> B(N * M);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) B[j * M + i] = c.in[0][i * N + j];
    return B;
}

std::vector<double> copy_reference(const Case& c) {
    return std::vector<double>(c.in[0].begin(), c.in[0].end());
}

// The same on the GPU, for large matrices.
__global__ void reference_kernel(const float* A, double* B, int M, int N) {
    int j = blockIdx.x * blockDim.x + threadIdx.x;
    for (int i = 0; i < M && j < N; i++) B[size_t(j) * M + i] = A[size_t(i) * N + j];
}

void reference_on_gpu(const harness::Run<float, double>& r) {
    int M = r.shape[0], N = r.shape[1];
    reference_kernel<<<(N + 63) / 64, 64>>>(r.in[0], r.out, M, N);
}

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: copy
// The bound: the same bytes, read and written in order.
__global__ void copy_kernel(const float* A, float* B,
                            size_t n) {
    size_t block = size_t(blockIdx.x) * blockDim.x;
    size_t i = 4 * (block + threadIdx.x);
    if (i + 4 <= n) {
        *(float4*)(B + i) = *(const float4*)(A + i);
    } else {
        for (; i < n; i++) B[i] = A[i];
    }
}
// ANCHOR_END: copy

// Copies whose base is not on 16 bytes: 8 loads in flight instead.
__global__ void copy_scalar_kernel(const float* A, float* B,
                                   size_t n) {
    size_t i = size_t(blockIdx.x) * blockDim.x * 8 + threadIdx.x;
    for (int k = 0; k < 8; k++, i += blockDim.x)
        if (i < n) B[i] = A[i];
}

// ANCHOR: naive
// A is (M, N), B is (N, M). One thread an element.
__global__ void naive_kernel(const float* A, float* B,
                             int M, int N) {
    int col = blockIdx.x * TILE + threadIdx.x;
    int row = blockIdx.y * TILE + threadIdx.y;
    if (row < M && col < N)
        B[size_t(col) * M + row] = A[size_t(row) * N + col];
}
// ANCHOR_END: naive

// ANCHOR: tile
__global__ void tile_kernel(const float* A, float* B,
                            int M, int N) {
    __shared__ float tile[TILE][TILE];
    int tx = threadIdx.x, ty = threadIdx.y;
    int col = blockIdx.x * TILE + tx;
    int row = blockIdx.y * TILE + ty;
    if (row < M && col < N)
        tile[ty][tx] = A[size_t(row) * N + col];
    __syncthreads();
    col = blockIdx.y * TILE + tx;  // of B: the blocks swap,
    row = blockIdx.x * TILE + ty;  // the threads do not
    if (row < N && col < M)
        B[size_t(row) * M + col] = tile[tx][ty];
}
// ANCHOR_END: tile

// ANCHOR: padded
__global__ void padded_kernel(const float* A, float* B,
                              int M, int N) {
    __shared__ float tile[TILE][TILE + 1];
    int tx = threadIdx.x, ty = threadIdx.y;
    int col = blockIdx.x * TILE + tx;
    int row = blockIdx.y * TILE + ty;
    if (row < M && col < N)
        tile[ty][tx] = A[size_t(row) * N + col];
    __syncthreads();
    col = blockIdx.y * TILE + tx;  // of B: the blocks swap,
    row = blockIdx.x * TILE + ty;  // the threads do not
    if (row < N && col < M)
        B[size_t(row) * M + col] = tile[tx][ty];
}
// ANCHOR_END: padded

// ANCHOR: coarsened
constexpr int ROWS = 8;  // the block is TILE × ROWS threads

__global__ void coarsened_kernel(const float* A, float* B,
                                 int M, int N) {
    __shared__ float tile[TILE][TILE + 1];
    int tx = threadIdx.x, ty = threadIdx.y;
    int col = blockIdx.x * TILE + tx;
    int row = blockIdx.y * TILE + ty;
    for (int k = 0; k < TILE; k += ROWS)
        if (row + k < M && col < N)
            tile[ty + k][tx] = A[size_t(row + k) * N + col];
    __syncthreads();
    col = blockIdx.y * TILE + tx;
    row = blockIdx.x * TILE + ty;
    for (int k = 0; k < TILE; k += ROWS)
        if (row + k < N && col < M)
            B[size_t(row + k) * M + col] = tile[tx][ty + k];
}
// ANCHOR_END: coarsened

// ANCHOR: swizzled
constexpr int WIDE = 64;  // 256 threads, 4 × 4 floats each

// M and N multiples of 4, A and B on 16 bytes.
__global__ void swizzled_kernel(const float* A, float* B,
                                int M, int N) {
    __shared__ float4 tile[WIDE][WIDE / 4];  // rows of B
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int tiles = (M + WIDE - 1) / WIDE;  // down a column of A
    int row = blockIdx.x % tiles * WIDE;
    int col = blockIdx.x / tiles * WIDE;
    float4 r[4] = {};
    for (int k = 0; k < 4; k++) {
        int i = row + 4 * ty + k, j = col + 4 * tx;
        if (i < M && j < N)
            r[k] = *(const float4*)(A + size_t(i) * N + j);
    }
    int c = 4 * tx, q = ty ^ tx;
    tile[c][q] = {r[0].x, r[1].x, r[2].x, r[3].x};
    tile[c + 1][q] = {r[0].y, r[1].y, r[2].y, r[3].y};
    tile[c + 2][q] = {r[0].z, r[1].z, r[2].z, r[3].z};
    tile[c + 3][q] = {r[0].w, r[1].w, r[2].w, r[3].w};
    __syncthreads();
    for (int k = 0; k < WIDE; k += 16) {
        int j = k + ty, i = row + 4 * tx;
        if (col + j < N && i < M)
            *(float4*)(B + size_t(col + j) * M + i) =
                tile[j][tx ^ (j / 4)];
    }
}
// ANCHOR_END: swizzled

// ANCHOR: aligned
constexpr int SECTOR = 8;  // floats in 32 bytes
constexpr int TALL = WIDE + SECTOR - 1;

// Any M, N and base. Blocks overlap by 7 rows of A, so that
// each row of B can begin its 64 floats on a sector.
__global__ void aligned_kernel(const float* __restrict__ A,
                               float* __restrict__ B,
                               int M, int N) {
    __shared__ float tile[TALL][WIDE + 1];
    int tx = threadIdx.x, ty = threadIdx.y;  // 32 × ROWS
    int tiles = (M + TALL - 1) / WIDE;  // down a column of A
    int row = blockIdx.x % tiles * WIDE - (SECTOR - 1);
    int col = blockIdx.x / tiles * WIDE;
#pragma unroll
    for (int r = 0; r < TALL; r += ROWS)
#pragma unroll
        for (int c = 0; c < WIDE; c += 32) {
            int i = r + ty, j = c + tx;
            if (i < TALL && unsigned(row + i) < unsigned(M) &&
                col + j < N)
                tile[i][j] = A[size_t(row + i) * N + col + j];
        }
    __syncthreads();
    int base = size_t(B) / 4 % SECTOR;
#pragma unroll
    for (int c = 0; c < WIDE; c += ROWS) {
        int j = c + ty;
        size_t b = size_t(col + j) * M;  // a row of B begins
        int skip = -int(b + base + row) & (SECTOR - 1);
#pragma unroll
        for (int r = 0; r < WIDE; r += 32) {
            int i = skip + r + tx;
            if (col + j < N && unsigned(row + i) < unsigned(M))
                B[b + row + i] = tile[i][j];
        }
    }
}
// ANCHOR_END: aligned

// ----------------------------------------------------------------------------
// Launchers

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

bool on_16_bytes(const void* p) { return size_t(p) % 16 == 0; }

void copy(const float* A, float* B, int M, int N) {
    size_t n = size_t(M) * N;
    if (on_16_bytes(A) && on_16_bytes(B))
        copy_kernel<<<(n + 1023) / 1024, 256>>>(A, B, n);
    else
        copy_scalar_kernel<<<(n + 2047) / 2048, 256>>>(A, B, n);
    CUDA_CHECK(cudaGetLastError());
}

// ANCHOR: naive-launch
void naive(const float* A, float* B, int M, int N) {
    dim3 block(TILE, TILE);
    dim3 grid(ceil_div(N, TILE), ceil_div(M, TILE));
    naive_kernel<<<grid, block>>>(A, B, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: naive-launch

// ANCHOR: tile-launch
void tile(const float* A, float* B, int M, int N) {
    dim3 block(TILE, TILE);
    dim3 grid(ceil_div(N, TILE), ceil_div(M, TILE));
    tile_kernel<<<grid, block>>>(A, B, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: tile-launch

// ANCHOR: padded-launch
void padded(const float* A, float* B, int M, int N) {
    dim3 block(TILE, TILE);
    dim3 grid(ceil_div(N, TILE), ceil_div(M, TILE));
    padded_kernel<<<grid, block>>>(A, B, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: padded-launch

// ANCHOR: coarsened-launch
void coarsened(const float* A, float* B, int M, int N) {
    dim3 block(TILE, ROWS);
    dim3 grid(ceil_div(N, TILE), ceil_div(M, TILE));
    coarsened_kernel<<<grid, block>>>(A, B, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: coarsened-launch

// ANCHOR: swizzled-launch
void swizzled(const float* A, float* B, int M, int N) {
    bool vectors = M % 4 == 0 && N % 4 == 0 &&
                   on_16_bytes(A) && on_16_bytes(B);
    if (!vectors) return coarsened(A, B, M, N);
    int grid = ceil_div(M, WIDE) * ceil_div(N, WIDE);
    swizzled_kernel<<<grid, 256>>>(A, B, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: swizzled-launch

// ANCHOR: aligned-launch
void aligned(const float* A, float* B, int M, int N) {
    dim3 block(32, ROWS);
    int rows = ceil_div(M + SECTOR - 1, WIDE);
    int grid = rows * ceil_div(N, WIDE);
    aligned_kernel<<<grid, block>>>(A, B, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: aligned-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

template <void (*launch)(const float*, float*, int, int)>
void call(const Run& r) {
    launch(r.in[0], r.out, r.shape[0], r.shape[1]);
}

void device_memcpy(const Run& r) {
    size_t bytes = size_t(r.shape[0]) * r.shape[1] * sizeof(float);
    CUDA_CHECK(cudaMemcpyAsync(r.out, r.in[0], bytes, cudaMemcpyDeviceToDevice));
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "transpose";
    op.inputs = {harness::elements};
    op.output = harness::elements;
    op.bytes = [](const harness::Shape& s) { return 2.0 * harness::elements(s) * sizeof(float); };
    op.tolerance = harness::exact;  // nothing is computed: every bit must arrive
    op.reference = transpose_reference;
    op.gpu_reference = reference_on_gpu;
    op.limits = {{"copy kernel", call<copy>, copy_reference},
                 {"cudaMemcpy", device_memcpy, copy_reference}};
    op.versions = {{"copy", call<copy>, copy_reference},
                   {"naive", call<naive>},
                   {"tile", call<tile>},
                   {"padded", call<padded>},
                   {"coarsened", call<coarsened>},
                   {"swizzled", call<swizzled>},
                   {"aligned", call<aligned>}};
    op.checked = harness::boundary_shapes(2, WIDE);
    // Rows of `aligned` tiles that just fit or just do not; three tiles down; 4 divides M alone.
    for (const harness::Shape& s : {harness::Shape{56, 130}, {57, 65}, {58, 200}, {132, 68}, {64, 63}})
        op.checked.push_back(s);
    op.timed = {{8192, 8192}, {8191, 8191}, {4099, 8191}, {10007, 6007}};
    return harness::main(op, argc, argv);
}
