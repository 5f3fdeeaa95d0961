// Bank conflicts of five index expressions: by counting, and by the clock.
//
// nvcc -O3 -std=c++17 -arch=native bank-probe.cu -o bank-probe && ./bank-probe
#include <cstdio>

// Cycles in which 32 warps read word `index` of shared memory 64 times.
__device__ __noinline__ int cycles(int index) {
    __shared__ volatile int words[1024];
    words[threadIdx.x] = 0;
    int sum = 0, start = 0, stop = 0;
    for (int run = 0; run < 2; run++) {  // the first loads the instructions
        __syncthreads();
        start = clock();
#pragma unroll
        for (int k = 0; k < 64; k++) sum += words[index];
        __syncthreads();
        stop = clock();
    }
    if (sum) words[0] = sum;  // never: but the sum is used
    return stop - start;
}

// ANCHOR: core
// The most distinct words that a warp wants from one bank.
__device__ int degree(int word) {
    unsigned same = __match_any_sync(~0u, word);
    bool first = __ffs(same) - 1 == threadIdx.x % 32;
    unsigned distinct = __ballot_sync(~0u, first);
    unsigned bank = __match_any_sync(~0u, word % 32);
    return __reduce_max_sync(~0u, __popc(bank & distinct));
}

__global__ void probe() {
    int lane = threadIdx.x % 32;
    int index[] = {lane, 2 * lane, 31 * lane,
                   lane / 4 * 32, 32 * lane};
    int base = cycles(lane);
    for (int i : index) {
        float slower = float(cycles(i)) / base;
        int words = degree(i);
        if (threadIdx.x == 0)
            printf("degree %2d, %2.0f times the cycles\n",
                   words, slower);
    }
}

int main() {
    probe<<<1, 1024>>>();
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: core
