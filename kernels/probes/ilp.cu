// Can independent instructions stand in for warps?
//
// nvcc -O3 -std=c++17 -arch=native ilp.cu -o ilp && ./ilp
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

constexpr int STEPS = 4096;

// ANCHOR: ilp
// ILP chains a thread; within a chain each FMA needs the last.
template <int ILP>
__global__ void chains(float* out, long long* cycles) {
    float x[ILP];
    for (int k = 0; k < ILP; ++k)
        x[k] = threadIdx.x * 1e-4f + k;
    __syncthreads();
    long long start = clock64();
#pragma unroll 128
    for (int i = 0; i < STEPS; ++i)
#pragma unroll
        for (int k = 0; k < ILP; ++k)
            x[k] = fmaf(x[k], x[k], .2f);
    __syncthreads();
    long long stop = clock64();
    float sum = 0;
    for (int k = 0; k < ILP; ++k) sum += x[k];
    out[threadIdx.x] = sum;
    if (threadIdx.x == 0) *cycles = stop - start;
}
// ANCHOR_END: ilp

constexpr int RUNS = 9;

// FMAs of all threads of one SM in a cycle.
template <int ILP>
double rate(int warps) {
    float* out;
    long long* cycles;
    CHECK(cudaMalloc(&out, 1024 * sizeof(float)));
    CHECK(cudaMallocManaged(&cycles, sizeof *cycles));
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        chains<ILP><<<1, 32 * warps>>>(out, cycles);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        seen.push_back(32.0 * warps * ILP * STEPS / double(*cycles));
    }
    CHECK(cudaFree(out));
    CHECK(cudaFree(cycles));
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

int round16(double rate) { return int(rate / 16 + 0.5) * 16; }

int main() {
    const int ilp[] = {1, 2, 4, 8};
    double few[] = {rate<1>(4), rate<2>(4), rate<4>(4), rate<8>(4)};
    double many[] = {rate<1>(32), rate<2>(32), rate<4>(32), rate<8>(32)};
    printf("chains   4 warps   32 warps, FMAs a cycle\n");
    for (int i = 0; i < 4; ++i)
        printf("%6d %9d %10d\n", ilp[i], round16(few[i]), round16(many[i]));
}
