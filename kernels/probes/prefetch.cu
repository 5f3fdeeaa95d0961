// What does loading the next tile during the work on this one gain?
//
// nvcc -O3 -std=c++17 -arch=native prefetch.cu -o prefetch && ./prefetch
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                             \
    do {                                                        \
        cudaError_t status = (call);                            \
        if (status != cudaSuccess) {                            \
            fprintf(stderr, "%s: %s\n", #call,                  \
                    cudaGetErrorString(status));                \
            exit(1);                                            \
        }                                                       \
    } while (0)

constexpr int THREADS = 256, WORK = 64, TILES = 1024, RUNS = 11;

// WORK dependent steps on a tile in shared memory.
__device__ float use(const float* tile, float sum) {
#pragma unroll 8
    for (int k = 0; k < WORK; ++k) sum = fmaf(sum, 0.5f, tile[(threadIdx.x + k) % THREADS]);
    return sum;
}

// ANCHOR: plain
// Load a tile, wait for it, use it.
__global__ void plain(const float* A, float* out) {
    __shared__ float tile[THREADS];
    A += size_t(blockIdx.x) * TILES * THREADS + threadIdx.x;
    float sum = 0;
    for (int t = 0; t < TILES; ++t) {
        tile[threadIdx.x] = A[t * THREADS];
        __syncthreads();
        sum = use(tile, sum);
        __syncthreads();
    }
    out[blockIdx.x * THREADS + threadIdx.x] = sum;
}
// ANCHOR_END: plain

// ANCHOR: prefetch
// Two buffers: tile t + 1 is on its way while tile t is used.
__global__ void prefetch(const float* A, float* out) {
    __shared__ float tile[2][THREADS];
    A += size_t(blockIdx.x) * TILES * THREADS + threadIdx.x;
    tile[0][threadIdx.x] = A[0];
    __syncthreads();
    float sum = 0;
    for (int t = 0; t < TILES; ++t) {
        float next = 0;
        if (t + 1 < TILES) next = A[(t + 1) * THREADS];
        sum = use(tile[t % 2], sum);
        tile[(t + 1) % 2][threadIdx.x] = next;
        __syncthreads();
    }
    out[blockIdx.x * THREADS + threadIdx.x] = sum;
}
// ANCHOR_END: prefetch

template <class Kernel>
double time_of(Kernel kernel, int blocks, const float* A, float* out) {
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));
    std::vector<float> seen;
    for (int run = 0; run < RUNS; ++run) {
        CHECK(cudaEventRecord(start));
        kernel<<<blocks, THREADS>>>(A, out);
        CHECK(cudaGetLastError());
        CHECK(cudaEventRecord(stop));
        CHECK(cudaEventSynchronize(stop));
        float ms;
        CHECK(cudaEventElapsedTime(&ms, start, stop));
        seen.push_back(ms);
    }
    CHECK(cudaEventDestroy(start));
    CHECK(cudaEventDestroy(stop));
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

int main() {
    int blocks = 0;  // one an SM
    CHECK(cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, 0));
    size_t count = size_t(blocks) * TILES * THREADS;
    std::vector<float> host(count);
    unsigned random = 1;
    for (float& x : host) x = float((random = random * 1664525u + 1013904223u) >> 8) / (1 << 24);
    float *A, *one, *two;
    CHECK(cudaMalloc(&A, count * sizeof(float)));
    CHECK(cudaMalloc(&one, blocks * THREADS * sizeof(float)));
    CHECK(cudaMalloc(&two, blocks * THREADS * sizeof(float)));
    CHECK(cudaMemcpy(A, host.data(), count * sizeof(float), cudaMemcpyHostToDevice));
    double slow = time_of(plain, blocks, A, one);
    double fast = time_of(prefetch, blocks, A, two);
    std::vector<float> first(blocks * THREADS), second(blocks * THREADS);
    CHECK(cudaMemcpy(first.data(), one, first.size() * sizeof(float), cudaMemcpyDeviceToHost));
    CHECK(cudaMemcpy(second.data(), two, second.size() * sizeof(float), cudaMemcpyDeviceToHost));
    if (first != second) {
        fprintf(stderr, "the sums differ\n");
        return 1;
    }
    printf("same sums, about %.1f times as fast\n", int(slow / fast * 5 + 0.5) / 5.0);
    CHECK(cudaFree(A));
    CHECK(cudaFree(one));
    CHECK(cudaFree(two));
}
