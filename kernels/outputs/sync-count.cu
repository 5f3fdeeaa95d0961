// Barriers that count, and threads that have left.
//
// nvcc -O3 -std=c++17 -arch=native sync-count.cu -o sync-count && ./sync-count
#include <cstdio>

// ANCHOR: core
__global__ void count(int leave) {
    int i = threadIdx.x;
    if (i < leave) return;
    int even = __syncthreads_count(i % 2 == 0);
    int all = __syncthreads_and(i < 100);
    int any = __syncthreads_or(i == 0);
    if (i == 99)
        printf("%2d left: even %d, all %d, any %d\n",
               leave, even, all != 0, any != 0);
}

int main() {
    count<<<1, 100>>>(0);
    count<<<1, 100>>>(33);
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: core
