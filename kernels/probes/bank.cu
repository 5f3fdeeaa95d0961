// What does a stride cost when a warp reads shared memory?
//
// nvcc -O3 -std=c++17 -arch=native bank.cu -o bank && ./bank
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

constexpr int LOADS = 512;

// ANCHOR: bank
// Lane i reads word i * stride, again and again; 32 warps keep
// the banks busy, so the time is that of the bank accesses.
__global__ void read(int stride, float* out, long long* spent) {
    __shared__ float words[32 * 33];
    for (int i = threadIdx.x; i < 32 * 33; i += blockDim.x)
        words[i] = 1;
    volatile float* mine = &words[threadIdx.x % 32 * stride];
    float sum = 0;
    __syncthreads();
    long long start = clock64();
#pragma unroll 16
    for (int i = 0; i < LOADS; ++i) sum += *mine;
    __syncthreads();
    if (threadIdx.x == 0) *spent = clock64() - start;
    out[threadIdx.x] = sum;
}
// ANCHOR_END: bank

constexpr int RUNS = 9;

double time_of(int stride, float* out, long long* cycles) {
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        read<<<1, 1024>>>(stride, out, cycles);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        seen.push_back(double(*cycles) / (32.0 * LOADS));
    }
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

int main() {
    float* out;
    long long* cycles;
    CHECK(cudaMalloc(&out, 1024 * sizeof(float)));
    CHECK(cudaMallocManaged(&cycles, sizeof *cycles));
    double unit = time_of(1, out, cycles);
    for (int stride : {0, 1, 2, 3, 4, 8, 16, 32, 33})
        printf("stride %2d: %2.0f times the time of stride 1\n", stride,
               time_of(stride, out, cycles) / unit);
    CHECK(cudaFree(out));
    CHECK(cudaFree(cycles));
}
