// How many blocks of a small kernel fit on an SM, and what occupancy is that?
//
// nvcc -O3 -std=c++17 -arch=native fit.cu -o fit && ./fit
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

// ANCHOR: fit
__global__ void small(float* A) { A[threadIdx.x] += 1; }

void fit(int threads, int shared_kb) {
    int blocks = 0, most = 0;
    CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &blocks, small, threads, shared_kb * 1024));
    CHECK(cudaDeviceGetAttribute(
        &most, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
    printf("%4d threads, %3d KB: %2d blocks, %3d %%\n", threads,
           shared_kb, blocks, 100 * blocks * threads / most);
}

int main() {
    auto opt_in = cudaFuncAttributeMaxDynamicSharedMemorySize;
    CHECK(cudaFuncSetAttribute(small, opt_in, 100 * 1024));
    fit(1024, 0);
    fit(768, 0);
    fit(256, 0);
    fit(32, 0);
    fit(256, 100);
}
// ANCHOR_END: fit
