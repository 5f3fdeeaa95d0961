// What does __launch_bounds__ do to a kernel's registers?
//
// nvcc -O3 -std=c++17 -arch=native bounds.cu -o bounds && ./bounds
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

// Many values live at once: 64 of the array, and what they need.
template <int N>
__device__ void work(float* A) {
    float x[N];
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = A[threadIdx.x + 1024 * k];
    for (int step = 0; step < 100; ++step) {
#pragma unroll
        for (int k = 0; k < N; ++k) x[k] = fmaf(x[k], x[(k + 1) % N], x[(k + 7) % N]);
    }
#pragma unroll
    for (int k = 0; k < N; ++k) A[threadIdx.x + 1024 * k] = x[k];
}

// ANCHOR: bounds
// work<64>: a loop over 64 values, all of them live at once.
__global__ void free_choice(float* A) { work<64>(A); }

// At most 256 threads a block; 4 or 8 blocks are to fit an SM.
__global__ void __launch_bounds__(256, 4)
four(float* A) { work<64>(A); }

__global__ void __launch_bounds__(256, 8)
eight(float* A) { work<64>(A); }
// ANCHOR_END: bounds

void print(const char* name, void (*kernel)(float*)) {
    cudaFuncAttributes a;
    CHECK(cudaFuncGetAttributes(&a, kernel));
    int blocks = 0;
    CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 256, 0));
    printf("%-12s %3d registers, %3zu bytes local, %d blocks an SM\n",
           name, a.numRegs, a.localSizeBytes, blocks);
}

int main() {
    print("free_choice", free_choice);
    print("four", four);
    print("eight", eight);
    float* A;
    CHECK(cudaMalloc(&A, 65 * 1024 * sizeof(float)));
    CHECK(cudaMemset(A, 0, 65 * 1024 * sizeof(float)));
    four<<<1, 512>>>(A);
    printf("four<<<1, 512>>>: %s\n", cudaGetErrorName(cudaGetLastError()));
    CHECK(cudaFree(A));
}
