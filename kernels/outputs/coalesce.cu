// Sectors of 32 bytes and lines of 128 that a warp's load with stride s touches.
//
// nvcc -O3 -std=c++17 -arch=native coalesce.cu -o coalesce && ./coalesce
#include <cstdio>

// ANCHOR: core
// Distinct segments of `bytes` among the warp's addresses.
__device__ int segments(const void* address, int bytes) {
    size_t segment = size_t(address) / bytes;
    unsigned same = __match_any_sync(~0u, segment);
    bool first = __ffs(same) - 1 == threadIdx.x;
    return __popc(__ballot_sync(~0u, first));
}

__global__ void load(const float* x, int stride, float* y) {
    const float* p = x + stride * threadIdx.x;
    y[threadIdx.x] = *p;
    int sectors = segments(p, 32), lines = segments(p, 128);
    if (threadIdx.x == 0)
        printf("stride %2d: %2d sectors in %2d lines\n",
               stride, sectors, lines);
}

int main() {
    float *x, *y;
    cudaMalloc(&x, 32 * 32 * sizeof(float));
    cudaMalloc(&y, 32 * sizeof(float));
    for (int stride : {0, 1, 2, 3, 8, 32})
        load<<<1, 32>>>(x, stride, y);
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: core
