// Does a barrier hang when some threads have returned before it?
//
// nvcc -O3 -std=c++17 -arch=native early.cu -o early && ./early
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                             \
    do {                                                        \
        cudaError_t status = (call);                            \
        if (status != cudaSuccess) {                            \
            fprintf(stderr, "%s: %s\n", #call,                  \
                    cudaGetErrorString(status));                \
            exit(1);                                            \
        }                                                       \
    } while (0)

// ANCHOR: early
__global__ void early() {
    if (threadIdx.x >= 100) return;
    int here = __syncthreads_count(1);
    if (threadIdx.x == 0) printf("%d at the barrier\n", here);
}

int main() {
    early<<<1, 128>>>();
    cudaError_t status = cudaDeviceSynchronize();
    printf("%s\n", cudaGetErrorName(status));
}
// ANCHOR_END: early
