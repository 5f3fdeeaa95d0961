// A write out of bounds: which call reports it, and what works afterwards.
//
// nvcc -O3 -std=c++17 -arch=native async-error.cu -o async-error && ./async-error
#include <cstdio>

// ANCHOR: core
__global__ void write(int* p, size_t i) { p[i] = 1; }

void say(const char* what, cudaError_t e) {
    printf("%-12s %s\n", what, cudaGetErrorString(e));
}

int main() {
    int *p, *q;
    cudaMalloc(&p, sizeof(int));  // one int

    write<<<1, 1>>>(p, 1);  // out of bounds
    say("near:", cudaDeviceSynchronize());

    write<<<1, 1>>>(p, size_t(1) << 38);  // 1 TiB away
    say("launch:", cudaGetLastError());
    say("synchronise:", cudaDeviceSynchronize());
    say("last error:", cudaGetLastError());
    say("cudaMalloc:", cudaMalloc(&q, sizeof(int)));
    write<<<1, 1>>>(p, 0);  // in bounds
    say("next launch:", cudaGetLastError());
}
// ANCHOR_END: core
