// What does a pitch cost when each lane reads a float4 of a row of its own?
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

constexpr int LOADS = 512;

// ANCHOR: wide
// Lane i reads WIDTH floats of row i, again and again; 32 warps
// keep the banks busy, so the time is that of the accesses.
template <int WIDTH>
__global__ void read(int pitch, float* out, long long* spent) {
    __shared__ float4 rows[32 * 9];
    for (int i = threadIdx.x; i < 32 * 9; i += blockDim.x)
        rows[i] = {1, 1, 1, 1};
    char* mine = (char*)rows + threadIdx.x % 32 * pitch;
    unsigned at = __cvta_generic_to_shared(mine);
    float4 v = {};
    float sum = 0;
    __syncthreads();
    long long start = clock64();
#pragma unroll 16
    for (int i = 0; i < LOADS; ++i) {
        if (WIDTH == 4)
            asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                         : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                         : "r"(at));
        else
            asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v.x) : "r"(at));
        sum += v.x + v.w;
    }
    __syncthreads();
    if (threadIdx.x == 0) *spent = clock64() - start;
    out[threadIdx.x] = sum;
}
// ANCHOR_END: wide

constexpr int RUNS = 9;

template <int WIDTH>
double time_of(int pitch, float* out, long long* cycles) {
    std::vector<double> seen;
    for (int run = 0; run < RUNS; ++run) {
        read<WIDTH><<<1, 1024>>>(pitch, out, cycles);
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
    double unit = time_of<1>(4, out, cycles);
    for (int pitch : {16, 32, 64, 80, 128, 144})
        printf("float4, rows %3d bytes apart: %2.0f times the time of a float\n",
               pitch, time_of<4>(pitch, out, cycles) / unit);
    CHECK(cudaFree(out));
    CHECK(cudaFree(cycles));
}
