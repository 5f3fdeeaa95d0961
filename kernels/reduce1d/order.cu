// How much does the order of additions matter in float?
//
// nvcc -std=c++17 -arch=native order.cu -o order && ./order
#include <cstdio>

constexpr int N = 1 << 25;

// ANCHOR: order
// N times 0.1f in `chains` running sums, those in a tree.
__global__ void sum_tenths(int chains) {
    extern __shared__ float s[];
    float sum = 0;
    for (int i = threadIdx.x; i < N; i += chains) sum += 0.1f;
    s[threadIdx.x] = sum;
    __syncthreads();
    for (int half = chains / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            s[threadIdx.x] += s[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0)
        printf("%4d chains: %.2f\n", chains, s[0]);
}

int main() {
    printf("exact:       %.2f\n", N * double(0.1f));
    for (int chains : {1, 32, 1024}) {
        sum_tenths<<<1, chains, 4 * chains>>>(chains);
        if (cudaDeviceSynchronize() != cudaSuccess) return 1;
    }
}
// ANCHOR_END: order
