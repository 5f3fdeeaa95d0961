// Who does what in a grid-stride loop: 29 elements, 3 blocks of 4 threads.
//
// nvcc -O3 -std=c++17 -arch=native grid-stride.cu -o grid-stride && ./grid-stride
#include <cstdio>

// ANCHOR: core
__global__ void claim(int* owner, int n) {
    int first = blockIdx.x * blockDim.x + threadIdx.x;
    int stride = gridDim.x * blockDim.x;
    for (int i = first; i < n; i += stride)
        owner[i] = first;
}

int main() {
    const int n = 29;
    int *owner, items[12] = {};
    cudaMallocManaged(&owner, n * sizeof(int));
    claim<<<3, 4>>>(owner, n);
    if (cudaDeviceSynchronize() != cudaSuccess) return 1;
    for (int i = 0; i < n; i++) items[owner[i]]++;
    printf("owner of 11, 12, 28: %d %d %d\n",
           owner[11], owner[12], owner[28]);
    printf("items:");
    for (int count : items) printf(" %d", count);
    printf("\n");
}
// ANCHOR_END: core
