// Sums and conversions at the three edges of half: integers, the largest, the smallest.
//
// nvcc -O3 -std=c++17 -arch=native half.cu -o half && ./half
#include <cstdio>
#include <cuda_fp16.h>

// ANCHOR: core
__global__ void edges() {
    auto add = [](float a, float b) {
        return __half2float(__float2half(a) + __float2half(b));
    };
    auto round = [](float x) {
        return __half2float(__float2half(x));
    };
    printf("2048 + 1   = %g\n", add(2048, 1));
    printf("2050 + 1   = %g\n", add(2050, 1));
    printf("65504 + 15 = %g\n", add(65504, 15));
    printf("65504 + 16 = %g\n", add(65504, 16));
    printf("2^-24      = %g\n", round(0x1p-24f));
    printf("2^-25      = %g\n", round(0x1p-25f));
    printf("3 * 2^-26  = %g\n", round(0x3p-26f));
}

int main() {
    edges<<<1, 1>>>();
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: core
