// What does one block too many cost?
//
// nvcc -O3 -std=c++17 -arch=native waves.cu -o waves && ./waves
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

// ANCHOR: waves
// Each block keeps its SM to itself for a fixed time.
__global__ void busy() {
    extern __shared__ float most_of_it[];
    long long start = clock64();
    while (clock64() - start < 200000) {}
}
// ANCHOR_END: waves

constexpr int RUNS = 11;

double time_of(int blocks, int shared) {
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));
    std::vector<float> seen;
    for (int run = 0; run < RUNS; ++run) {
        CHECK(cudaEventRecord(start));
        busy<<<blocks, 128, shared>>>();
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

int main() {
    int sms = 0, shared = 0;
    CHECK(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
    CHECK(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
    CHECK(cudaFuncSetAttribute(busy, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
    time_of(sms, shared);  // warm
    double unit = time_of(sms, shared);
    printf("%d SMs, one block on each at a time; time:\n", sms);
    for (int blocks : {1, sms, sms + 1, 2 * sms, 2 * sms + 1})
        printf("%4d blocks: %.0f\n", blocks, time_of(blocks, shared) / unit);
}
