/*
Column sums: out[j] = Σ A[i][j]. A is (M, N), float, row-major, any M and N.

nvcc -O3 -std=c++17 -lineinfo -arch=native reduce-cols.cu -o reduce-cols && ./reduce-cols

One addition for 4 bytes: the bound is reading A. Each version removes one cost:

warp      a warp a column, as for rows: its lanes read 32 rows, 32 sectors for 32 floats
thread    a thread a column: neighbours read neighbours; but N threads fill no GPU
split     the rows in pieces, over gridDim.y: as many threads as wanted; then the pieces' sums
vector    4 columns a thread, 4 loads in flight; where N is no multiple of 4, a sum for each of
          the four phases that rows can have modulo 16 bytes
narrow    few columns: a block holds h rows at once, and adds its h·N sums up to N
*/
#include <algorithm>
#include <cmath>

#include "../harness/harness.h"
#include "../harness/libraries/cublas_column_sums.h"
#include "../harness/read_limit.h"

constexpr int BLOCK = 256, WARPS = BLOCK / 32;
#ifndef VARIANT
#define VARIANT 64, Y = 4, DEEP = 8, BLOCKS = 3, LEAST = 64, WIDE = 1024, LOADS = 4, RESIDENT = 2
#endif
constexpr int X = VARIANT;

// ----------------------------------------------------------------------------
// References, from the definition

using Case = harness::Case<float>;
using Run = harness::Run<float>;

std::vector<double> cols_reference(const Case& c) {
    size_t M = c.shape[0], N = c.shape[1];
    std::vector<double> out(N);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) out[j] += c.in[0][i * N + j];
    return out;
}

// A thread adds up to 256 elements of a column.
__global__ void cols_reference_kernel(const float* A, double* out, int M, int N) {
    for (size_t j = blockIdx.x * size_t(blockDim.x) + threadIdx.x; j < N;
         j += size_t(gridDim.x) * blockDim.x)
        for (int from = blockIdx.y * 256; from < M; from += gridDim.y * 256) {
            double sum = 0;
            for (int i = from; i < from + 256 && i < M; i++) sum += A[i * size_t(N) + j];
            atomicAdd(out + j, sum);
        }
}

void cols_gpu_reference(const harness::Run<float, double>& r) {
    CUDA_CHECK(cudaMemsetAsync(r.out, 0, r.shape[1] * sizeof *r.out));
    cols_reference_kernel<<<dim3(1024, 64), 64>>>(r.in[0], r.out, r.shape[0], r.shape[1]);
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: warp
__device__ float warp_sum(float v) {
    for (int delta = 16; delta > 0; delta /= 2)
        v += __shfl_down_sync(0xffffffff, v, delta);
    return v;  // lane 0's is the sum
}

// A warp a column.
__global__ void warp_kernel(const float* A, float* out,
                            int M, int N) {
    int col = blockIdx.x * WARPS + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (col >= N) return;  // the whole warp
    float sum = 0;
    for (int i = lane; i < M; i += 32)
        sum += A[size_t(i) * N + col];
    sum = warp_sum(sum);
    if (lane == 0) out[col] = sum;
}
// ANCHOR_END: warp

// ANCHOR: thread
// A thread a column.
__global__ void thread_kernel(const float* A, float* out,
                              int M, int N) {
    int col = blockIdx.x * BLOCK + threadIdx.x;
    if (col >= N) return;
    float sum = 0;
    for (int i = 0; i < M; i++) sum += A[size_t(i) * N + col];
    out[col] = sum;
}
// ANCHOR_END: thread

// ANCHOR: split
// Block (x, y) sums `rows` rows of BLOCK columns into row y of
// `sums`, which is (gridDim.y, N).
__global__ void split_kernel(const float* A, float* sums,
                             int M, int N, int rows) {
    int col = blockIdx.x * BLOCK + threadIdx.x;
    if (col >= N) return;
    int first = blockIdx.y * rows;
    int last = min(M, first + rows);
    float sum = 0;
#pragma unroll 8  // loads in flight
    for (int i = first; i < last; i++)
        sum += A[size_t(i) * N + col];
    sums[size_t(blockIdx.y) * N + col] = sum;
}
// ANCHOR_END: split

// ANCHOR: vector
__device__ void add(float4& sum, float4 x) {
    sum.x += x.x;
    sum.y += x.y;
    sum.z += x.z;
    sum.w += x.w;
}

// How far beyond a multiple of 16 bytes, in floats.
__device__ int phase(const float* p) {
    return size_t(p) / 4 % 4;
}

// `cols` columns a block, at most 4 * X - 4. Where 4 divides N
// not, rows begin at other phases, the same for i and i + 4: so
// a thread keeps four float4, and columns are put right after.
__global__ void __launch_bounds__(X * Y, BLOCKS)
vector_kernel(const float* A, float* sums, int M, int N,
              int rows, int cols) {
    __shared__ float4 part[Y][4][X];
    int tx = threadIdx.x, ty = threadIdx.y;
    int first = blockIdx.y * rows, last = min(M, first + rows);
    A += blockIdx.x * cols;
    int width = min(cols, N - int(blockIdx.x) * cols);
    const float* end = A + size_t(M - 1) * N + width;
    float4 sum[4] = {};
    for (int i = first + DEEP * ty; i < last; i += DEEP * Y) {
        float4 r[DEEP] = {};
#pragma unroll
        for (int k = 0; k < DEEP; k++) {  // all in flight
            const float* row = A + size_t(i + k) * N;
            const float* p = row - phase(row) + 4 * tx;
            if (i + k < last && p < row + width &&
                p + 4 <= end)
                r[k] = *(const float4*)p;
        }
#pragma unroll
        for (int k = 0; k < DEEP; k++) add(sum[k % 4], r[k]);
    }
    for (int k = 0; k < 4; k++) part[ty][k][tx] = sum[k];
    __syncthreads();
    const float* bottom = A + size_t(M - 1) * N;
    int shift = phase(bottom);
    int whole = (width + shift) / 4 * 4 - shift;
    sums += blockIdx.y * size_t(N) + blockIdx.x * cols;
    for (int c = ty * X + tx; c < width; c += X * Y) {
        float v = last == M && c >= whole ? bottom[c] : 0;
        for (int k = 0; k < 4; k++) {
            int at = c + phase(A + size_t(first + k) * N);
            for (int y = 0; y < Y; y++)
                v += ((float*)part[y][k])[at];
        }
        sums[c] = v;
    }
}
// ANCHOR_END: vector

// ANCHOR: narrow
// ANCHOR: narrow-column
// Few columns. A block holds h rows at once, h * N floats: a
// multiple of 4, and at most 4 a thread. Who steps by h rows
// keeps its columns. Thread c gets the block's sum of column c.
__device__ float column(const float* A, int M, int N, int h,
                        int block, int blocks) {
    __shared__ float4 part[WIDE];
    int tid = threadIdx.x, width = h * N / 4;  // float4
    size_t n = size_t(M) * N, vectors = n / 4;
    size_t step = size_t(blocks) * width;
    const float4* v = (const float4*)A;
    float4 sum = {};
    size_t i = size_t(block) * width + tid;
    for (; i < vectors && tid < width; i += LOADS * step) {
        float4 r[LOADS] = {};
#pragma unroll
        for (int k = 0; k < LOADS; k++)  // all in flight
            if (i + k * step < vectors)
                r[k] = v[i + k * step];
#pragma unroll
        for (int k = 0; k < LOADS; k++) add(sum, r[k]);
    }
    part[tid] = sum;
    __syncthreads();
    float total = 0;
    if (tid >= N) return total;
#pragma unroll 10
    for (int j = tid; j < 4 * width; j += N)
        total += ((float*)part)[j];
    if (block == 0)  // the last floats fill no float4
        for (size_t j = vectors * 4; j < n; j++)
            if (j % N == tid) total += A[j];
    return total;
}
// ANCHOR_END: narrow-column

__device__ unsigned arrived;  // 0 before and after

__global__ void __launch_bounds__(WIDE, RESIDENT)
narrow_kernel(const float* A, float* out, int M, int N, int h,
              float* sums) {
    __shared__ bool last;
    int tid = threadIdx.x, b = blockIdx.x, end = gridDim.x - 1;
    float v = column(A, M, N, h, b, gridDim.x);
    if (tid < N) sums[b * N + tid] = v;
    __threadfence();  // first the sums, then the count
    __syncthreads();
    if (tid == 0) last = atomicInc(&arrived, end) == end;
    __syncthreads();
    if (!last) return;
    __threadfence();
    v = column(sums, gridDim.x, N, h, 0, 1);
    if (tid < N) out[tid] = v;
}
// ANCHOR_END: narrow

// ----------------------------------------------------------------------------
// Launchers. `sums`: workspace

int ceil_div(int a, int b) { return (a + b - 1) / b; }

int processors() {
    int device, count;
    CUDA_CHECK(cudaGetDevice(&device));
    CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
    return count;
}

// ANCHOR: warp-launch
void warp(const float* A, float* out, int M, int N, float*) {
    warp_kernel<<<ceil_div(N, WARPS), BLOCK>>>(A, out, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: warp-launch

// ANCHOR: thread-launch
void thread(const float* A, float* out, int M, int N, float*) {
    thread_kernel<<<ceil_div(N, BLOCK), BLOCK>>>(A, out, M, N);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: thread-launch

constexpr int ENOUGH = 2048;  // blocks

// ANCHOR: split-launch
void split(const float* A, float* out, int M, int N,
           float* sums) {
    int columns = ceil_div(N, BLOCK);
    int rows = ceil_div(M, ceil_div(ENOUGH, columns));
    int splits = ceil_div(M, rows);
    split_kernel<<<dim3(columns, splits), BLOCK>>>(
        A, splits > 1 ? sums : out, M, N, rows);
    if (splits > 1)
        split_kernel<<<columns, BLOCK>>>(sums, out, splits, N,
                                         splits);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: split-launch

bool on_16_bytes(const void* p) { return size_t(p) % 16 == 0; }

// ANCHOR: vector-launch
void vector(const float* A, float* out, int M, int N,
            float* sums) {
    if (N < 4 || !on_16_bytes(A))
        return split(A, out, M, N, sums);
    int cols = N % 4 == 0 ? 4 * X : 4 * X - 4;
    int columns = ceil_div(N, cols);
    int waves = 4;  // so that the last one weighs little
    int splits = max(1, waves * BLOCKS * processors() / columns);
    int rows = max(LEAST, ceil_div(M, splits));
    splits = ceil_div(M, rows);
    dim3 grid(columns, splits), block(X, Y);
    vector_kernel<<<grid, block>>>(
        A, splits > 1 ? sums : out, M, N, rows, cols);
    if (splits > 1)
        vector_kernel<<<columns, block>>>(
            sums, out, splits, N, splits, cols);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector-launch

// ANCHOR: narrow-launch
void narrow(const float* A, float* out, int M, int N,
            float* sums) {
    if (N > WIDE || !on_16_bytes(A))
        return vector(A, out, M, N, sums);
    int h = WIDE / N * 4;  // h * N <= 4 * WIDE
    int blocks = min(ceil_div(M, h), RESIDENT * processors());
    narrow_kernel<<<blocks, WIDE>>>(A, out, M, N, h, sums);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: narrow-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

float* workspace = nullptr;  // kept: to free it would unmap pages and slow the next kernel
constexpr int SUMS = 1 << 20;

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

// As in reduce1d: a column's sum whose chains are m additions long.
double rounding(double n, double m) {
    return 16 * std::pow(2, -24) * std::sqrt(n * (std::max(m, 1.0) / 18 + std::log2(n) / 9));
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "reduce-cols";
    op.inputs = {harness::elements};
    op.output = [](const harness::Shape& s) { return size_t(s[1]); };
    op.bytes = [](const harness::Shape& s) { return 4.0 * (harness::elements(s) + s[1]); };
    op.tolerance = [](const harness::Shape& s) { return rounding(s[0], s[0]); };
    op.reference = cols_reference;
    op.gpu_reference = cols_gpu_reference;
    op.versions = {version("warp", warp), version("thread", thread), version("split", split),
                   version("vector", vector), version("narrow", narrow)};
    op.versions[0].timed = op.versions[1].timed = {{16384, 16384}};
    op.limits = {harness::read_limit(op.inputs[0], op.output)};
    op.baselines = harness::cublas_column_sums();
    op.checked = {{1, 1},    {7, 1},     {1, 7},     {3, 8},       {32, 9},  {31, 33},
                  {4, 300},  {67, 257},  {128, 129}, {66, 1000},   {129, 64}, {1000, 65},
                  {2047, 9}, {2049, 10}, {40009, 3}, {2048, 2049}, {4099, 516},
                  {9, 255},  {2, 400003}};
    op.timed = {{16384, 16384}, {16383, 16381}, {1000003, 67}, {129, 2000003}};
    return harness::main(op, argc, argv);
}
