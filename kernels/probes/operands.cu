// Does it matter where an instruction's operands come from?
//
// nvcc -O3 -std=c++17 -arch=native operands.cu -o operands && ./operands
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

constexpr int STEPS = 4096, WARPS = 32, RUNS = 9;

// ANCHOR: operands
// One chain a thread, 32 warps: latency is hidden in all three.
template <int REGISTERS>
__global__ void chain(float a, float b, float* out,
                      long long* cycles) {
    float x = threadIdx.x * 1e-4f;
    __syncthreads();
    long long start = clock64();
#pragma unroll 128
    for (int i = 0; i < STEPS; ++i) {
        if (REGISTERS == 1) x = fmaf(x, x, .2f);
        if (REGISTERS == 2) x = fmaf(x, a, .2f);
        if (REGISTERS == 3) x = fmaf(x, a, b);
    }
    __syncthreads();
    if (threadIdx.x == 0) *cycles = clock64() - start;
    out[threadIdx.x] = x;
}
// ANCHOR_END: operands

template <int REGISTERS>
void print() {
    float* out;
    long long* cycles;
    CHECK(cudaMalloc(&out, 32 * WARPS * sizeof(float)));
    CHECK(cudaMallocManaged(&cycles, sizeof *cycles));
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        chain<REGISTERS><<<1, 32 * WARPS>>>(.5f, .2f, out, cycles);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        seen.push_back(32.0 * WARPS * STEPS / double(*cycles));
    }
    CHECK(cudaFree(out));
    CHECK(cudaFree(cycles));
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    printf("%d different registers: %3d FMAs a cycle\n", REGISTERS,
           int(seen[RUNS / 2] / 16 + 0.5) * 16);
}

int main() {
    print<1>();
    print<2>();
    print<3>();
}
