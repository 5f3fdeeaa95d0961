/*
Row sums: out[i] = Σ A[i][j]. A is (M, N), float, row-major, any M and N.

nvcc -O3 -std=c++17 -lineinfo -arch=native reduce-rows.cu -o reduce-rows && ./reduce-rows

One addition for 4 bytes: the bound is reading A. Each version removes one cost:

thread    a thread a row: at each step a warp's lanes read 32 rows, 32 sectors for 32 floats
tree      a block a row: neighbours read neighbours; then a tree in shared memory
warp      a warp a row: sums by shuffle, no shared memory, no barrier
vector    16-byte loads, 4 in flight a lane, wherever a row begins
by-shape  short rows: a block fetches many at once through shared memory, 4 lanes sum one;
          long rows: a block a row; few and very long: several blocks a row, then their sums
*/
#include <cuda_pipeline.h>

#include <algorithm>
#include <cmath>

#include "../harness/harness.h"
#include "../harness/libraries/cub.h"
#include "../harness/read_limit.h"

constexpr int BLOCK = 256, WARPS = BLOCK / 32;
constexpr int WIDE = 512, LOADS = 4;  // for long rows: threads a block; loads in flight

// ----------------------------------------------------------------------------
// References, from the definition

using Case = harness::Case<float>;
using Run = harness::Run<float>;

std::vector<double> rows_reference(const Case& c) {
    size_t M = c.shape[0], N = c.shape[1];
    std::vector<double> out(M);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) out[i] += c.in[0][i * N + j];
    return out;
}

// A block adds up to 4096 elements of a row.
__global__ void rows_reference_kernel(const float* A, double* out, int M, int N) {
    int pieces = (N + 4095) / 4096;
    for (size_t b = blockIdx.x; b < size_t(M) * pieces; b += gridDim.x) {
        size_t row = b / pieces, from = b % pieces * 4096;
        double sum = 0;
        for (size_t j = from + threadIdx.x; j < from + 4096 && j < N; j += blockDim.x)
            sum += A[row * N + j];
        atomicAdd(out + row, sum);
    }
}

void rows_gpu_reference(const harness::Run<float, double>& r) {
    CUDA_CHECK(cudaMemsetAsync(r.out, 0, r.shape[0] * sizeof *r.out));
    rows_reference_kernel<<<8192, 64>>>(r.in[0], r.out, r.shape[0], r.shape[1]);
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: thread
// A thread a row.
__global__ void thread_kernel(const float* A, float* out,
                              int M, int N) {
    int row = blockIdx.x * BLOCK + threadIdx.x;
    if (row >= M) return;
    float sum = 0;
    for (int j = 0; j < N; j++)
        sum += A[size_t(row) * N + j];
    out[row] = sum;
}
// ANCHOR_END: thread

// ANCHOR: tree
// A block a row.
__global__ void tree_kernel(const float* A, float* out, int N) {
    __shared__ float s[BLOCK];
    int tid = threadIdx.x;
    const float* row = A + size_t(blockIdx.x) * N;
    float sum = 0;
    for (int j = tid; j < N; j += BLOCK) sum += row[j];
    s[tid] = sum;
    __syncthreads();
    for (int stride = BLOCK / 2; stride > 0; stride /= 2) {
        if (tid < stride) s[tid] += s[tid + stride];
        __syncthreads();
    }
    if (tid == 0) out[blockIdx.x] = s[0];
}
// ANCHOR_END: tree

// ANCHOR: warp
__device__ float warp_sum(float v) {
    for (int delta = 16; delta > 0; delta /= 2)
        v += __shfl_down_sync(0xffffffff, v, delta);
    return v;  // lane 0's is the sum
}

// A warp a row.
__global__ void warp_kernel(const float* A, float* out,
                            int M, int N) {
    int row = blockIdx.x * WARPS + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (row >= M) return;  // the whole warp
    float sum = 0;
    for (int j = lane; j < N; j += 32)
        sum += A[size_t(row) * N + j];
    sum = warp_sum(sum);
    if (lane == 0) out[row] = sum;
}
// ANCHOR_END: warp

// ANCHOR: vector
__device__ void add(float4& sum, float4 x) {
    sum.x += x.x;
    sum.y += x.y;
    sum.z += x.z;
    sum.w += x.w;
}

// One thread's share of n floats, when `threads` share them.
// Up to 3 before and after the 16-byte loads go one by one.
__device__ float share(const float* a, int n, int thread,
                       int threads) {
    int head = min(n, int(-size_t(a) / 4 % 4));
    int vectors = (n - head) / 4;
    const float4* v = (const float4*)(a + head);
    float4 sum = {};
    for (int i = thread; i < vectors; i += LOADS * threads) {
        float4 r[LOADS] = {};
#pragma unroll
        for (int k = 0; k < LOADS; k++)  // all in flight
            if (i + k * threads < vectors)
                r[k] = v[i + k * threads];
#pragma unroll
        for (int k = 0; k < LOADS; k++) add(sum, r[k]);
    }
    int tail = head + 4 * vectors + thread;
    float rest = thread < head ? a[thread] : 0;
    if (tail < n) rest += a[tail];
    return (sum.x + sum.y) + (sum.z + sum.w) + rest;
}

// A warp a row.
__global__ void __launch_bounds__(BLOCK, 4)
vector_kernel(const float* A, float* out, int M, int N) {
    int row = blockIdx.x * WARPS + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (row >= M) return;
    const float* a = A + size_t(row) * N;
    float sum = warp_sum(share(a, N, lane, 32));
    if (lane == 0) out[row] = sum;
}
// ANCHOR_END: vector

// ANCHOR: pieces
// Long rows: `pieces` blocks a row, a sum each.
__global__ void __launch_bounds__(WIDE, 2)
pieces_kernel(const float* A, float* sums, int N, int pieces) {
    __shared__ float warps[WIDE / 32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int row = blockIdx.x / pieces, piece = blockIdx.x % pieces;
    int length = (N + pieces - 1) / pieces;
    int n = min(length, N - piece * length);
    const float* a = A + size_t(row) * N + piece * length;
    float v = warp_sum(share(a, n, threadIdx.x, WIDE));
    if (lane == 0) warps[warp] = v;
    __syncthreads();
    if (warp > 0) return;
    v = warp_sum(lane < WIDE / 32 ? warps[lane] : 0);
    if (lane == 0) sums[blockIdx.x] = v;
}
// ANCHOR_END: pieces

// ANCHOR: by-shape
// Short rows: a block fetches `rows` of them as one piece of
// memory, in 16-byte copies whatever N is; 4 lanes sum one.
__global__ void staged_kernel(const float* A, float* out,
                              int M, int N, int rows) {
    extern __shared__ float4 memory[];
    int first = blockIdx.x * rows, tid = threadIdx.x;
    int n = min(rows, M - first) * N;
    const float* a = A + size_t(first) * N;
    int head = min(n, int(-size_t(a) / 4 % 4));
    int vectors = (n - head) / 4, tail = head + 4 * vectors;
    float* tile = (float*)(memory + 1) - head;
    for (int i = tid; i < vectors; i += BLOCK)
        __pipeline_memcpy_async(memory + 1 + i,
                                a + head + 4 * i, 16);
    if (tid < head) tile[tid] = a[tid];
    if (tail + tid < n) tile[tail + tid] = a[tail + tid];
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    for (int row = tid / 4; row < rows; row += BLOCK / 4) {
        float sum = 0;
        // If 8 divides N, each row starts in other banks.
        int j = tid % 4 + (N % 8 ? 0 : row % (N / 4) * 4);
        for (int k = tid % 4; k < N && row * N < n; k += 4) {
            sum += tile[row * N + j];
            j = j + 4 < N ? j + 4 : j + 4 - N;
        }
        sum += __shfl_down_sync(0xffffffff, sum, 2, 4);
        sum += __shfl_down_sync(0xffffffff, sum, 1, 4);
        if (tid % 4 == 0 && row * N < n) out[first + row] = sum;
    }
}
// ANCHOR_END: by-shape

// ----------------------------------------------------------------------------
// Launchers. `sums`: workspace

int ceil_div(int a, int b) { return (a + b - 1) / b; }

// ANCHOR: thread-launch
void thread(const float* A, float* out, int M, int N, float*) {
    thread_kernel<<<ceil_div(M, BLOCK), BLOCK>>>(A, out, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: thread-launch

// ANCHOR: tree-launch
void tree(const float* A, float* out, int M, int N, float*) {
    tree_kernel<<<M, BLOCK>>>(A, out, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: tree-launch

// ANCHOR: warp-launch
void warp(const float* A, float* out, int M, int N, float*) {
    warp_kernel<<<ceil_div(M, WARPS), BLOCK>>>(A, out, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: warp-launch

// ANCHOR: vector-launch
void vector(const float* A, float* out, int M, int N, float*) {
    vector_kernel<<<ceil_div(M, WARPS), BLOCK>>>(A, out, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector-launch

constexpr int SHORT = 128, TILE = 4096;       // floats
constexpr int LONG = 2048, PIECE = 8192, ENOUGH = 8192;  // floats, floats, blocks

// ANCHOR: by-shape-launch
void by_shape(const float* A, float* out, int M, int N,
              float* sums) {
    if (N <= SHORT) {
        int rows = TILE / N / 8 * 8;  // 8 lanes groups a warp
        staged_kernel<<<ceil_div(M, rows), BLOCK,
                        (TILE + 8) * sizeof(float)>>>(
            A, out, M, N, rows);
    } else if (N < LONG) {
        vector(A, out, M, N, sums);
    } else {
        int pieces = min(ceil_div(ENOUGH, M),
                         ceil_div(N, PIECE));
        pieces_kernel<<<M * pieces, WIDE>>>(
            A, pieces > 1 ? sums : out, N, pieces);
        if (pieces > 1) vector(sums, out, M, pieces, nullptr);
    }
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: by-shape-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

float* workspace = nullptr;  // kept: to free it would unmap pages and slow the next kernel
constexpr int SUMS = 1 << 14;

// NaN, so that a sum that was never written, or is read too early, shows.
void poison(const Run&) {
    if (!workspace) CUDA_CHECK(cudaMalloc(&workspace, SUMS * sizeof(float)));
    CUDA_CHECK(cudaMemset(workspace, 0xFF, SUMS * sizeof(float)));
}

using Launcher = void(const float*, float*, int, int, float*);

harness::Version<float> version(const std::string& name, Launcher* launch) {
    harness::Version<float> v;
    v.name = name;
    v.launch = [launch](const Run& r) {
        launch(r.in[0], r.out, r.shape[0], r.shape[1], workspace);
    };
    v.before = poison;
    return v;
}

// As in reduce1d: a row's sum whose chains are m additions long.
double rounding(double n, double m) {
    return 16 * std::pow(2, -24) * std::sqrt(n * (std::max(m, 1.0) / 18 + std::log2(n) / 9));
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "reduce-rows";
    op.inputs = {harness::elements};
    op.output = [](const harness::Shape& s) { return size_t(s[0]); };
    op.bytes = [](const harness::Shape& s) { return 4.0 * (harness::elements(s) + s[0]); };
    op.tolerance = [](const harness::Shape& s) { return rounding(s[1], std::max(128, s[1] / 32)); };
    op.reference = rows_reference;
    op.gpu_reference = rows_gpu_reference;
    op.versions = {version("thread", thread), version("tree", tree), version("warp", warp),
                   version("vector", vector), version("by-shape", by_shape)};
    op.versions[0].tolerance = [](const harness::Shape& s) { return rounding(s[1], s[1]); };
    op.versions[0].timed = {{262144, 1000}, {16384, 16384}};
    op.limits = {harness::read_limit(op.inputs[0], op.output)};
    op.baselines = harness::cub_row_sums();
    // Both sides of SHORT, LONG, PIECE and of a warp; rows of one float; one row.
    op.checked = {{1, 1},    {1, 7},     {4100, 1},  {8, 3},     {9, 32},   {33, 31},
                  {300, 4},  {257, 67},  {129, 128}, {1000, 66}, {64, 129}, {65, 1000},
                  {9, 2047}, {10, 2049}, {3, 40009}, {2, 8193},  {513, 2048}};
    op.timed = {{262144, 1000}, {16384, 16384}, {16383, 16381}, {1000003, 67}, {129, 2000003}};
    return harness::main(op, argc, argv);
}
