// What does a float4 a lane cost, by the pitch of rows and by which lanes share one?
//
// nvcc -O3 -std=c++17 -arch=native wide.cu -o wide && ./wide
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

constexpr int LOADS = 512, WARPS = 32, RUNS = 9;

// Volatile in PTX, too: else ptxas merges the loads of one address.
__device__ float load(const float* from) {
    float v;
    asm volatile("ld.volatile.shared.f32 %0, [%1];"
                 : "=f"(v)
                 : "r"(int(__cvta_generic_to_shared(from))));
    return v;
}

__device__ float load(const float4* from) {
    float4 v;
    asm volatile("ld.volatile.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                 : "r"(int(__cvta_generic_to_shared(from))));
    return v.x + v.w;
}

// ANCHOR: wide
// A lane loads the T at its row's start, again and again, by
// one instruction; 32 warps keep the banks busy.
template <class T>
__global__ void read(int pitch, int flip, float* out,
                     long long* spent) {
    __shared__ float4 rows[32 * 9];
    for (int i = threadIdx.x; i < 32 * 9; i += blockDim.x)
        rows[i] = {1, 1, 1, 1};
    int lane = threadIdx.x % 32;
    int row = lane;
    if (flip)  // n and n ^ flip share: 16 rows, still side by side
        row = lane / (2 * flip) * flip + lane % flip;
    auto mine = (const T*)((char*)rows + row * pitch);
    float sum = 0;
    __syncthreads();
    long long start = clock64();
#pragma unroll 16
    for (int i = 0; i < LOADS; ++i) sum += load(mine);
    __syncthreads();
    if (threadIdx.x == 0) *spent = clock64() - start;
    out[threadIdx.x] = sum;
}
// ANCHOR_END: wide

template <class T>
double clocks_of(int pitch, int flip, float* out, long long* cycles) {
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        read<T><<<1, 32 * WARPS>>>(pitch, flip, out, cycles);
        CHECK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize());
        seen.push_back(double(*cycles) / (WARPS * LOADS));
    }
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

int main() {
    float* out;
    long long* cycles;
    CHECK(cudaMalloc(&out, 32 * WARPS * sizeof(float)));
    CHECK(cudaMallocManaged(&cycles, sizeof *cycles));
    printf("clocks a load of a warp\n");
    printf("float,  pitch   4 B: %2.0f\n", clocks_of<float>(4, 0, out, cycles));
    for (int pitch : {16, 32, 64, 80, 128, 144})
        printf("float4, pitch %3d B: %2.0f\n", pitch,
               clocks_of<float4>(pitch, 0, out, cycles));
    for (int flip : {1, 2, 4, 8})
        printf("n and n ^ %d share:   %2.0f\n", flip,
               clocks_of<float4>(16, flip, out, cycles));
    printf("all lanes share:     %2.0f\n", clocks_of<float4>(0, 0, out, cycles));
    CHECK(cudaFree(out));
    CHECK(cudaFree(cycles));
}
