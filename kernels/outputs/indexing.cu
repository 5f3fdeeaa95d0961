// Block, thread and lane of four elements of a two- and three-dimensional launch.
//
// nvcc -O3 -std=c++17 -arch=native indexing.cu -o indexing && ./indexing
#include <cstdio>

// ANCHOR: core
struct Place { uint3 block, thread; int lane, lanes; };

__global__ void where(Place* out) {
    int block = blockIdx.x + gridDim.x * blockIdx.y;
    int thread = threadIdx.x + blockDim.x *
                 (threadIdx.y + blockDim.y * threadIdx.z);
    int threads = blockDim.x * blockDim.y * blockDim.z;
    int lane;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    out[block * threads + thread] = {
        blockIdx, threadIdx, lane, __popc(__activemask())};
}

int main() {
    Place* out;
    cudaMallocManaged(&out, 64 * sizeof(Place));
    where<<<dim3(2, 2), dim3(4, 2, 2)>>>(out);
    if (cudaDeviceSynchronize() != cudaSuccess) return 1;
    for (int i : {0, 17, 46, 63}) {
        Place p = out[i];
        printf("%2d: block (%d, %d), thread (%d, %d, %d), "
               "lane %d of %d\n", i, p.block.x, p.block.y,
               p.thread.x, p.thread.y, p.thread.z,
               p.lane, p.lanes);
    }
}
// ANCHOR_END: core
