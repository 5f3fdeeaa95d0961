// What an interviewer means by "and its main": everything around one kernel.
//
// nvcc -std=c++17 -arch=native host.cu -o host && ./host
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

// ANCHOR: check
#define CHECK(call)                                            \
    do {                                                       \
        cudaError_t e = (call);                                \
        if (e != cudaSuccess) {                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
                    cudaGetErrorString(e));                    \
            exit(1);                                           \
        }                                                      \
    } while (0)
// ANCHOR_END: check

__global__ void gemm(const float* A, const float* B, float* C, int M, int N, int K) {
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= M || col >= N) return;
    float sum = 0;
    for (int k = 0; k < K; k++) sum += A[size_t(row) * K + k] * B[size_t(k) * N + col];
    C[size_t(row) * N + col] = sum;
}

// ANCHOR: verify
// Largest |error| of C against double, or NaN as soon as there
// is one: `error > worst` would lose it. Ask the result for
// `error <= bound`, which NaN fails.
double largest_error(const std::vector<float>& A,
                     const std::vector<float>& B,
                     const std::vector<float>& C, int M, int N,
                     int K) {
    double worst = 0;
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < K; k++)
                sum += double(A[i * K + k]) * B[k * N + j];
            double error = fabs(C[i * N + j] - sum);
            if (std::isnan(error)) return error;
            if (error > worst) worst = error;
        }
    return worst;
}
// ANCHOR_END: verify

// ANCHOR: host
int main() {
    int M = 300, N = 200, K = 500;  // none of the block's size
    std::vector<float> A(M * K), B(K * N), C(M * N);
    std::mt19937 random(1);
    for (auto* X : {&A, &B})
        for (float& x : *X) x = int(random()) * 0x1p-31f;

    float *dA, *dB, *dC;
    CHECK(cudaMalloc(&dA, A.size() * sizeof(float)));
    CHECK(cudaMalloc(&dB, B.size() * sizeof(float)));
    CHECK(cudaMalloc(&dC, C.size() * sizeof(float)));
    CHECK(cudaMemcpy(dA, A.data(), A.size() * sizeof(float),
                     cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(dB, B.data(), B.size() * sizeof(float),
                     cudaMemcpyHostToDevice));

    dim3 block(32, 8);
    dim3 grid((N + 31) / 32, (M + 7) / 8);
    gemm<<<grid, block>>>(dA, dB, dC, M, N, K);  // warm up
    CHECK(cudaGetLastError());  // was it launched?

    const int runs = 20;
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));
    CHECK(cudaEventRecord(start));
    for (int i = 0; i < runs; i++)
        gemm<<<grid, block>>>(dA, dB, dC, M, N, K);
    CHECK(cudaEventRecord(stop));
    CHECK(cudaEventSynchronize(stop));  // did it run?
    float ms;
    CHECK(cudaEventElapsedTime(&ms, start, stop));
    double flops = 2.0 * M * N * K * runs;
    fprintf(stderr, "%.0f GFLOP/s\n", flops / ms / 1e6);

    CHECK(cudaMemcpy(C.data(), dC, C.size() * sizeof(float),
                     cudaMemcpyDeviceToHost));
    double error = largest_error(A, B, C, M, N, K);
    bool ok = error <= K * 0x1p-23;
    printf("max error %.1e %s\n", error, ok ? "ok" : "WRONG");
    CHECK(cudaFree(dA));
    CHECK(cudaFree(dB));
    CHECK(cudaFree(dC));
    return ok ? 0 : 1;
}
// ANCHOR_END: host
