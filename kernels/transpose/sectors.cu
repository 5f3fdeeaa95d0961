// How many 32-byte sectors of global memory does one warp access touch?
//
// nvcc -std=c++17 -arch=native sectors.cu -o sectors && ./sectors
#include <cstdio>

// ANCHOR: sectors
// Distinct 32-byte sectors among the 32 addresses of a warp.
__device__ int sectors(const float* address) {
    size_t sector = size_t(address) / 32;
    unsigned same = __match_any_sync(~0u, sector);
    bool first = __ffs(same) - 1 == threadIdx.x;
    return __popc(__ballot_sync(~0u, first));
}

__global__ void count(const float* A, int N) {
    int lane = threadIdx.x;
    int row = sectors(A + lane);
    int shifted = sectors(A + 1 + lane);
    int even = sectors(A + 2 * lane);
    int column = sectors(A + N * lane);
    if (lane == 0)
        printf("row %d, from A[1] %d, even %d, column %d\n",
               row, shifted, even, column);
}

int main() {
    float* A;
    cudaMalloc(&A, 32 * 1024 * sizeof(float));
    count<<<1, 32>>>(A, 1024);
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: sectors
