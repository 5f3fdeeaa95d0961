// Votes of a block of 40 threads: one full warp, and one with 8 lanes.
//
// nvcc -O3 -std=c++17 -arch=native ballot.cu -o ballot && ./ballot
#include <cstdio>

// ANCHOR: core
__global__ void vote() {
    int i = threadIdx.x, lane = i % 32;
    unsigned votes = __ballot_sync(~0u, i % 3 == 0);
    int before = __popc(votes & ((1u << lane) - 1));
    bool all = __all_sync(~0u, i < 40);
    if (i == 9) printf("thread 9: %d before it\n", before);
    __syncthreads();
    if (i == 0)
        printf("warp 0: %08x, %d votes, first lane %d\n",
               votes, __popc(votes), __ffs(votes) - 1);
    __syncthreads();
    if (i == 32)
        printf("warp 1: %08x, %d votes, first lane %d, "
               "all: %d\n", votes, __popc(votes),
               __ffs(votes) - 1, all);
}

int main() {
    vote<<<1, 40>>>();
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: core
