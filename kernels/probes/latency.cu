// How many clock cycles pass before a load's value can be used?
//
// nvcc -O3 -std=c++17 -arch=native latency.cu -o latency && ./latency
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

// ANCHOR: latency
// One thread follows pointers: each load needs the value of the
// one before, so nothing overlaps.
__global__ void walk(void* at, int steps, long long* cycles) {
    long long start = clock64();
#pragma unroll 16
    for (int i = 0; i < steps; ++i)
        asm volatile("ld.global.u64 %0, [%0];" : "+l"(at));
    long long spent = clock64() - start;
    *cycles = at ? spent : 0;  // using `at` keeps the loads
}

__global__ void walk_shared(int steps, long long* cycles) {
    __shared__ unsigned next[32];
    unsigned at = (unsigned)__cvta_generic_to_shared(next);
    for (int i = 0; i < 32; ++i)
        next[i] = at + (i + 1) % 32 * 4;
    long long start = clock64();
#pragma unroll 16
    for (int i = 0; i < steps; ++i)
        asm volatile("ld.shared.u32 %0, [%0];" : "+r"(at));
    long long spent = clock64() - start;
    *cycles = at ? spent : 0;
}
// ANCHOR_END: latency

constexpr int RUNS = 9;

// Median cycles per load on a ring of `bytes`, a pointer every `stride`; cold: not in the caches.
double walk_ring(size_t bytes, size_t stride, bool cold) {
    size_t count = bytes / stride;
    char* ring;
    CHECK(cudaMalloc(&ring, bytes));
    std::vector<char> host(bytes);
    for (size_t i = 0; i < count; ++i)
        *(void**)&host[i * stride] = ring + (i + 1) % count * stride;
    CHECK(cudaMemcpy(ring, host.data(), bytes, cudaMemcpyHostToDevice));
    void* other;
    size_t much = size_t(512) << 20;
    CHECK(cudaMalloc(&other, much));
    long long* cycles;
    CHECK(cudaMallocManaged(&cycles, sizeof *cycles));
    // A kernel begins with an empty L1: a second round is needed there.
    int rounds = cold || bytes > (1 << 20) ? 1 : 64;
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        if (cold) CHECK(cudaMemset(other, run, much));
        walk<<<1, 1>>>(ring, int(count) * rounds, cycles);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        seen.push_back(double(*cycles) / double(count * rounds));
    }
    CHECK(cudaFree(ring));
    CHECK(cudaFree(other));
    CHECK(cudaFree(cycles));
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

double walk_shared_ring() {
    long long* cycles;
    CHECK(cudaMallocManaged(&cycles, sizeof *cycles));
    int steps = 4096;
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        walk_shared<<<1, 1>>>(steps, cycles);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        seen.push_back(double(*cycles) / steps);
    }
    CHECK(cudaFree(cycles));
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

void print(const char* where, double cycles, int unit) {
    printf("%-14s %4d cycles\n", where, int(cycles / unit + 0.5) * unit);
}

int main() {
    print("shared memory", walk_shared_ring(), 1);
    print("L1 hit", walk_ring(8 << 10, 128, false), 1);
    print("L2 hit", walk_ring(4 << 20, 128, false), 20);
    print("DRAM", walk_ring(32 << 20, 512, true), 50);
}
