/*
Read by tests/samples/verify/bin/nvcc, which is no compiler. A version behaves as the first
rule says that fits the code of its region, blanks left out: `behaviour microseconds`.

tile unless __syncthreads: racecheck 120
tile unless __shared__: wrong 120
tile if i<=n: memcheck 120
tile if tile[38]: right 400
tile if (blockIdx.x+1): hangs 120
tile if (blockIdx.x-1): crashes 120
tile if blockIdx.x*33: killed 120
tile if blockIdx.x*31: conflicts 120
tile if 32-threadIdx.x: exhausts 120
tile if x[int(i)]: overflows 120
tile if tile[(threadIdx.x+1)]: right 120
tile if tile[(threadIdx.x-1)]: right 120
tile if blockIdx.x*32+threadIdx.x;if(i<n)tile[threadIdx.x]: right 120
tile if : wrong 120
whole if x[i]=1: right 100
whole if : wrong 100
*/
#include "../harness/harness.h"

// ANCHOR: whole
__global__ void whole_kernel(float* x) { x[i] = 1; }
// ANCHOR_END: whole

// ANCHOR: tile
__global__ void tile_kernel(const float* x, float* y, int n) {
    __shared__ float tile[39];
    int i = blockIdx.x * 32 + threadIdx.x;
    if (i < n) tile[threadIdx.x] = x[size_t(i)];
    __syncthreads();
}
// ANCHOR_END: tile

int main(int argc, char** argv) { return 0; }
