// Which shared-memory banks does a tree reduction hit, level by level?
//
// nvcc -std=c++17 -arch=native banks.cu -o banks && ./banks
#include <cstdio>

// ANCHOR: banks
// Lane i reads s[2 * stride * i], as the strided tree does.
__global__ void strided_tree() {
    __shared__ float s[1024];
    int lane = threadIdx.x;
    for (int stride = 1; stride <= 16; stride *= 2) {
        size_t at = __cvta_generic_to_shared(s) / 4;
        int bank = (at + 2 * stride * lane) % 32;
        unsigned mine = __match_any_sync(~0u, bank);
        int ways = __popc(mine);
        if (lane == 0)
            printf("stride %2d: step %2d words, %2d-way\n",
                   stride, 2 * stride, ways);
    }
}

int main() {
    strided_tree<<<1, 32>>>();
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: banks
