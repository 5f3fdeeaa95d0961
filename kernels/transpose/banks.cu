// Which shared-memory bank does a warp hit as it reads one column of a tile?
//
// nvcc -std=c++17 -arch=native banks.cu -o banks && ./banks
#include <cstdio>

// ANCHOR: banks
// One warp reads column 0: lane i takes tile[i][0].
template <int ROWS, int COLUMNS>
__global__ void read_column() {
    __shared__ float tile[ROWS][COLUMNS];
    int lane = threadIdx.x;
    size_t address = __cvta_generic_to_shared(&tile[lane][0]);
    int bank = address / 4 % 32;
    int second = __shfl_sync(~0u, bank, 1);
    int together = __popc(__match_any_sync(~0u, bank));
    if (lane == 0)
        printf("[%d][%d]: lane 1 in bank %d, %d in bank 0\n",
               ROWS, COLUMNS, second, together);
}

int main() {
    read_column<32, 32><<<1, 32>>>();
    read_column<32, 33><<<1, 32>>>();
    read_column<33, 32><<<1, 32>>>();
    read_column<32, 34><<<1, 32>>>();
    return cudaDeviceSynchronize() != cudaSuccess;
}
// ANCHOR_END: banks
