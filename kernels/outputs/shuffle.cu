// What each shuffle hands to four lanes: in range, across a segment's end, beyond the warp.
//
// nvcc -O3 -std=c++17 -arch=native shuffle.cu -o shuffle && ./shuffle
#include <cstdio>

// ANCHOR: core
__global__ void exchange(int out[5][32]) {
    int lane = threadIdx.x;
    const unsigned all = 0xffffffff;
    out[0][lane] = __shfl_down_sync(all, lane, 4);
    out[1][lane] = __shfl_up_sync(all, lane, 4);
    out[2][lane] = __shfl_xor_sync(all, lane, 5);
    out[3][lane] = __shfl_down_sync(all, lane, 4, 8);
    out[4][lane] = __shfl_sync(all, lane, 35);
}

int main() {
    int (*out)[32];
    cudaMallocManaged(&out, 5 * sizeof *out);
    exchange<<<1, 32>>>(out);
    if (cudaDeviceSynchronize() != cudaSuccess) return 1;
    const char* name[] = {"down 4", "up 4", "xor 5",
                          "down 4, width 8", "from 35"};
    printf("lane               0   3   7  30\n");
    for (int k = 0; k < 5; k++)
        printf("%-16s %3d %3d %3d %3d\n", name[k], out[k][0],
               out[k][3], out[k][7], out[k][30]);
}
// ANCHOR_END: core
