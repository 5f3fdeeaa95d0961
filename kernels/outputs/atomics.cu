// What atomics return, and what they leave: 64 threads on four counters.
//
// nvcc -O3 -std=c++17 -arch=native atomics.cu -o atomics && ./atomics
#include <algorithm>
#include <cstdio>

// ANCHOR: core
__global__ void count(unsigned* c, unsigned* old) {
    unsigned i = threadIdx.x;
    old[i] = atomicAdd(&c[0], 2u);
    atomicInc(&c[1], 6u);
    atomicMax(&c[2], i);
    if (atomicCAS(&c[3], 0u, 1u) == 0) c[4] += 1;
}

int main() {
    unsigned *c, *old;
    cudaMallocManaged(&c, 5 * sizeof *c);
    cudaMallocManaged(&old, 64 * sizeof *old);
    std::fill(c, c + 5, 0u);
    count<<<1, 64>>>(c, old);
    if (cudaDeviceSynchronize() != cudaSuccess) return 1;
    std::sort(old, old + 64);
    printf("old: %u %u %u ... %u\n",
           old[0], old[1], old[2], old[63]);
    printf("add %u, inc %u, max %u, cas %u, won %u\n",
           c[0], c[1], c[2], c[3], c[4]);
}
// ANCHOR_END: core
