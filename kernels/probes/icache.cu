// How fast do instructions arrive, by the size of the loop that they are in?
//
// nvcc -O3 -std=c++17 -arch=native icache.cu -o icache && ./icache
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

constexpr int ROUNDS = 64, WARPS = 8, RUNS = 5;
constexpr int SCHEDULERS = 4;  // of an SM

// ANCHOR: icache
// A loop of KB KiB: 64 FMAs of 16 bytes each. 8 chains a
// thread and 2 warps a scheduler hide the FMAs' latency.
template <int KB>
__global__ void loop(float a, float b, float* out,
                     long long* spent) {
    float x[8];
    for (int i = 0; i < 8; ++i) x[i] = threadIdx.x + i;
    long long start = 0;
#pragma unroll 1
    for (int round = -2; round < ROUNDS; ++round) {
        if (round == 0) {  // two rounds have warmed up
            __syncthreads();
            start = clock64();
        }
#pragma unroll
        for (int i = 0; i < KB * 64; ++i)
            x[i % 8] = fmaf(x[i % 8], a, b);
    }
    __syncthreads();
    if (threadIdx.x == 0)
        spent[blockIdx.x] = clock64() - start;
    for (int i = 1; i < 8; ++i) x[0] += x[i];
    out[blockIdx.x * blockDim.x + threadIdx.x] = x[0];
}
// ANCHOR_END: icache

// So much shared memory that an SM takes one block: one block for each SM.
constexpr int ROOM = 150 << 10;

template <int KB>
void print(int sms, float* out, long long* spent) {
    CHECK(cudaFuncSetAttribute(
        loop<KB>, cudaFuncAttributeMaxDynamicSharedMemorySize, ROOM));
    std::vector<double> medians, slowest;
    for (int run = 0; run < RUNS; ++run) {
        loop<KB><<<sms, 32 * WARPS, ROOM>>>(.5f, .25f, out, spent);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        std::sort(spent, spent + sms);
        double issued = ROUNDS * KB * 64.0 * WARPS / SCHEDULERS;
        medians.push_back(spent[sms / 2] / issued);
        slowest.push_back(spent[sms - 1] / issued);
    }
    std::sort(medians.begin(), medians.end());
    std::sort(slowest.begin(), slowest.end());
    printf("%3d KiB: %.1f (slowest SM: %.1f)\n", KB,
           medians[RUNS / 2], slowest[RUNS / 2]);
}

int main() {
    int sms;
    CHECK(cudaDeviceGetAttribute(
        &sms, cudaDevAttrMultiProcessorCount, 0));
    float* out;
    long long* spent;
    CHECK(cudaMalloc(&out, sms * 32 * WARPS * sizeof(float)));
    CHECK(cudaMallocManaged(&spent, sms * sizeof *spent));
    printf("clocks an instruction and scheduler\n");
    print<8>(sms, out, spent);
    print<24>(sms, out, spent);
    print<64>(sms, out, spent);
    print<112>(sms, out, spent);
    print<192>(sms, out, spent);
    print<256>(sms, out, spent);
    CHECK(cudaFree(out));
    CHECK(cudaFree(spent));
}
