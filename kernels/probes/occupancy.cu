// How much of the best copy rate is left at lower occupancy? And with more loads a thread?
//
// nvcc -O3 -std=c++17 -arch=native occupancy.cu -o occupancy && ./occupancy
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                             \
    do {                                                        \
        cudaError_t status = (call);                            \
        if (status != cudaSuccess) {                            \
            fprintf(stderr, "%s: %s\n", #call,                  \
                    cudaGetErrorString(status));                \
            exit(1);                                            \
        }                                                       \
    } while (0)

// ANCHOR: occupancy
// B = A, each thread with LOADS independent loads in flight.
// Shared memory that nobody uses keeps other blocks off the SM.
template <int LOADS>
__global__ void copy(const float* A, float* B, int n) {
    int all = gridDim.x * blockDim.x;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#pragma unroll 1
    for (; i < n; i += LOADS * all) {
        float x[LOADS];
#pragma unroll
        for (int k = 0; k < LOADS; ++k) x[k] = A[i + k * all];
#pragma unroll
        for (int k = 0; k < LOADS; ++k) B[i + k * all] = x[k];
    }
}
// ANCHOR_END: occupancy

constexpr int THREADS = 256, RUNS = 15;
constexpr int N_PER_THREAD = 512;

struct Sizes {
    int sms, threads, shared, optin;
};

// Median microseconds for a float, in a grid that is resident as a whole.
template <int LOADS>
double time_copy(const float* A, float* B, Sizes gpu, int blocks) {
    int shared = gpu.shared / blocks / 1024 * 1024 - 1024;
    shared = std::min(shared, gpu.optin);
    CHECK(cudaFuncSetAttribute(copy<LOADS>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
    CHECK(cudaFuncSetAttribute(copy<LOADS>, cudaFuncAttributePreferredSharedMemoryCarveout, 100));
    int fit = 0;
    CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&fit, copy<LOADS>, THREADS, shared));
    if (fit != blocks) {
        fprintf(stderr, "%d blocks fit, not %d\n", fit, blocks);
        exit(1);
    }
    int grid = gpu.sms * blocks;
    // The same bytes at every occupancy, and no partial round.
    int n = gpu.sms * gpu.threads * N_PER_THREAD;
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));
    std::vector<float> seen;
    for (int run = 0; run < RUNS; ++run) {
        CHECK(cudaEventRecord(start));
        copy<LOADS><<<grid, THREADS, shared>>>(A, B, n);
        CHECK(cudaGetLastError());
        CHECK(cudaEventRecord(stop));
        CHECK(cudaEventSynchronize(stop));
        float ms;
        CHECK(cudaEventElapsedTime(&ms, start, stop));
        seen.push_back(ms);
    }
    CHECK(cudaEventDestroy(start));
    CHECK(cudaEventDestroy(stop));
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

int round10(double percent) { return int(percent / 10 + 0.5) * 10; }

int main() {
    Sizes gpu{};
    CHECK(cudaDeviceGetAttribute(&gpu.sms, cudaDevAttrMultiProcessorCount, 0));
    CHECK(cudaDeviceGetAttribute(&gpu.threads, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
    CHECK(cudaDeviceGetAttribute(&gpu.shared, cudaDevAttrMaxSharedMemoryPerMultiprocessor, 0));
    CHECK(cudaDeviceGetAttribute(&gpu.optin, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
    size_t bytes = size_t(gpu.sms) * gpu.threads * N_PER_THREAD * sizeof(float);
    float *A, *B;
    CHECK(cudaMalloc(&A, bytes));
    CHECK(cudaMalloc(&B, bytes));
    CHECK(cudaMemset(A, 1, bytes));
    int most = gpu.threads / THREADS;
    std::vector<int> levels;
    for (int blocks = most; blocks >= 1; blocks /= 2) levels.push_back(blocks);
    std::vector<double> one, four;
    for (int blocks : levels) {
        one.push_back(time_copy<1>(A, B, gpu, blocks));
        four.push_back(time_copy<4>(A, B, gpu, blocks));
    }
    double best = std::min(*std::min_element(one.begin(), one.end()),
                           *std::min_element(four.begin(), four.end()));
    printf("warps an SM   1 load   4 loads\n");
    for (size_t i = 0; i < levels.size(); ++i)
        printf("%11d %6d %% %7d %%\n", levels[i] * THREADS / 32, round10(100 * best / one[i]),
               round10(100 * best / four[i]));
    CHECK(cudaFree(A));
    CHECK(cudaFree(B));
}
