/*
Column sums: out[j] = Σ A[i][j]. A is (M, N), float, row-major, any M and N.

nvcc -O3 -std=c++17 -lineinfo -arch=native reduce-cols.cu -o reduce-cols && ./reduce-cols

One addition for 4 bytes: the bound is reading A. Each version removes one cost:

warp      a warp a column, as for rows: its lanes read 32 rows, 32 sectors for 32 floats
thread    a thread a column: neighbours read neighbours; but N threads fill no GPU
split     the rows in pieces, over gridDim.y: as many threads as wanted; then the pieces' sums
vector    4 columns a thread, 8 loads in flight; where N is no multiple of 4, k rows count as
          one row of k·N floats, which is
narrow    few columns: a block holds k rows at once, and adds its k·N sums up to N
*/
#include <cmath>

#include "../harness/harness.h"
#include "../harness/libraries/cublas_column_sums.h"
#include "../harness/read_limit.h"

constexpr int BLOCK = 256, WARPS = BLOCK / 32;

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
// A's n floats as rows of W, a multiple of 4; the last row may
// be incomplete. `sums` is (gridDim.y, W).
__global__ void vector_kernel(const float* A, float* sums,
                              size_t n, int W, int rows) {
    int col = 4 * (blockIdx.x * BLOCK + threadIdx.x);
    if (col >= W) return;
    int full = n / W, first = blockIdx.y * rows;
    int last = min(full, first + rows);
    float4 sum = {};
#pragma unroll 8  // loads in flight
    for (int i = first; i < last; i++) {
        float4 a = *(const float4*)(A + size_t(i) * W + col);
        sum.x += a.x;
        sum.y += a.y;
        sum.z += a.z;
        sum.w += a.w;
    }
    size_t rest = size_t(full) * W + col;
    if (blockIdx.y == 0) {
        if (rest < n) sum.x += A[rest];
        if (rest + 1 < n) sum.y += A[rest + 1];
        if (rest + 2 < n) sum.z += A[rest + 2];
        if (rest + 3 < n) sum.w += A[rest + 3];
    }
    *(float4*)(sums + size_t(blockIdx.y) * W + col) = sum;
}
// ANCHOR_END: vector

// ----------------------------------------------------------------------------
// Launchers. `sums`: workspace

int ceil_div(int a, int b) { return (a + b - 1) / b; }

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
    int k = N % 4 == 0 ? 1 : N % 2 == 0 ? 2 : 4, W = k * N;
    if (!on_16_bytes(A) || M < 64)
        return split(A, out, M, N, sums);
    int columns = ceil_div(W, 4 * BLOCK);
    int rows = ceil_div(M / k, ceil_div(512, columns));
    int splits = ceil_div(M / k, rows);
    vector_kernel<<<dim3(columns, splits), BLOCK>>>(
        A, sums, size_t(M) * N, W, rows);
    split(sums, out, splits * k, N, sums + size_t(splits) * W);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

float* workspace = nullptr;
constexpr int SUMS = 1 << 24;

// NaN, so that a sum that was never written, or is read too early, shows.
void allocate(const Run&) {
    CUDA_CHECK(cudaMalloc(&workspace, SUMS * sizeof(float)));
    CUDA_CHECK(cudaMemset(workspace, 0xFF, SUMS * sizeof(float)));
}

void release(const Run&) { CUDA_CHECK(cudaFree(workspace)); }

using Launcher = void(const float*, float*, int, int, float*);

harness::Version<float> version(const std::string& name, Launcher* launch) {
    harness::Version<float> v;
    v.name = name;
    v.launch = [launch](const Run& r) {
        launch(r.in[0], r.out, r.shape[0], r.shape[1], workspace);
    };
    v.before = allocate;
    v.after = release;
    return v;
}

// As in reduce1d: a column's sum whose chains are m additions long.
double rounding(double n, double m) {
    return 4 * std::pow(2, -24) * std::sqrt(n * (std::max(m, 1.0) / 18 + std::log2(n) / 9));
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
                   version("vector", vector)};
    op.versions[0].timed = op.versions[1].timed = {{16384, 16384}};
    op.limits = {harness::read_limit(op.inputs[0], op.output)};
    op.baselines = harness::cublas_column_sums();
    op.checked = {{1, 1},    {7, 1},     {1, 7},     {3, 8},       {32, 9},  {31, 33},
                  {4, 300},  {67, 257},  {128, 129}, {66, 1000},   {129, 64}, {1000, 65},
                  {2047, 9}, {2049, 10}, {40009, 3}, {2048, 2049}, {4099, 516}};
    op.timed = {{16384, 16384}, {16383, 16381}, {1000003, 67}, {129, 2000003}};
    return harness::main(op, argc, argv);
}
