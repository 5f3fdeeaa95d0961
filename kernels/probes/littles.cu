// How many bytes must an SM keep in flight to reach the DRAM's bandwidth?
//
// nvcc -O3 -std=c++17 -arch=native littles.cu -o littles && ./littles
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

// ANCHOR: littles
// A thread waits for its 16 bytes before it asks for the next,
// so a warp has 32 * 16 = 512 bytes in flight.
__global__ void read(const float4* A, int n, float* out) {
    int all = gridDim.x * blockDim.x;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;
#pragma unroll 1
    for (; i < n; i += all) {
        float4 x = A[i];
        sum += x.x + x.y + x.z + x.w;
    }
    if (sum == 1) *out = sum;  // never: A holds zeros
}
// ANCHOR_END: littles

constexpr int RUNS = 11;

int main() {
    int sms = 0;
    CHECK(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
    int n = sms * 1024 * 192;  // float4
    float4* A;
    float* out;
    CHECK(cudaMalloc(&A, n * sizeof(float4)));
    CHECK(cudaMalloc(&out, sizeof(float)));
    CHECK(cudaMemset(A, 0, n * sizeof(float4)));
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));
    std::vector<float> medians;
    std::vector<int> warps{2, 4, 8, 16, 32, 64};
    for (int w : warps) {
        // One block an SM, or two of 32 warps.
        int blocks = sms * std::max(1, w / 32);
        int threads = 32 * std::min(w, 32);
        std::vector<float> seen;
        for (int run = 0; run < RUNS; ++run) {
            CHECK(cudaEventRecord(start));
            read<<<blocks, threads>>>(A, n, out);
            CHECK(cudaGetLastError());
            CHECK(cudaEventRecord(stop));
            CHECK(cudaEventSynchronize(stop));
            float ms;
            CHECK(cudaEventElapsedTime(&ms, start, stop));
            seen.push_back(ms);
        }
        std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
        medians.push_back(seen[RUNS / 2]);
        }
    printf("in flight an SM   rate\n");
    for (size_t i = 0; i < warps.size(); ++i)
        printf("%12d KB %6.0f\n", warps[i] / 2, medians[0] / medians[i]);
    CHECK(cudaEventDestroy(start));
    CHECK(cudaEventDestroy(stop));
    CHECK(cudaFree(A));
    CHECK(cudaFree(out));
}
