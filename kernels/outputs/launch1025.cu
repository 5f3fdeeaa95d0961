// A block of 1025 threads: who says so, and what a program without checks sees.
//
// nvcc -O3 -std=c++17 -arch=native launch1025.cu -o launch1025 && ./launch1025
#include <cstdio>

// ANCHOR: core
__global__ void set(int* p) { *p = 42; }

void say(const char* what, cudaError_t e) {
    printf("%-12s %s (%s)\n", what, cudaGetErrorName(e),
           cudaGetErrorString(e));
}

int main() {
    int *p, host = 7;
    cudaMalloc(&p, sizeof *p);
    cudaMemcpy(p, &host, sizeof host, cudaMemcpyDefault);

    set<<<1, 1025>>>(p);
    say("synchronise:", cudaDeviceSynchronize());
    cudaMemcpy(&host, p, sizeof host, cudaMemcpyDefault);
    printf("value:       %d\n", host);
    say("last error:", cudaGetLastError());
    say("once more:", cudaGetLastError());

    set<<<1, 1024>>>(p);
    say("1024:", cudaGetLastError());
    cudaMemcpy(&host, p, sizeof host, cudaMemcpyDefault);
    printf("value:       %d\n", host);
}
// ANCHOR_END: core
