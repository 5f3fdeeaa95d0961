#define TUNE
#include "conv.cu"
#include <cstdio>
#include <cstring>
#include <cmath>
#include <string>
__global__ void ref_kernel(const float* x, const float* f, double* y, Conv d) {
    size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x;
    if (i >= size_t(d.N) * d.K * d.H * d.W) return;
    int col = i % d.W, row = i / d.W % d.H, k = i / d.W / d.H % d.K, n = i / d.W / d.H / d.K;
    double sum = 0;
    for (int c = 0; c < d.C; c++) for (int r = 0; r < 3; r++) for (int s = 0; s < 3; s++) {
        int h = row + r - 1, w = col + s - 1;
        if (h >= 0 && h < d.H && w >= 0 && w < d.W)
            sum += double(x[((size_t(n) * d.C + c) * d.H + h) * d.W + w]) * f[(size_t(k) * d.C + c) * 9 + 3 * r + s];
    }
    y[i] = sum;
}
__global__ void fill_kernel(float* p, size_t n, unsigned seed) {
    size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x;
    if (i >= n) return;
    unsigned long long z = i * 0x9E3779B97F4A7C15ull + seed * 0xD1342543DE82EF95ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull; z = (z ^ (z >> 27)) * 0x94D049BB133111EBull; z ^= z >> 31;
    p[i] = float(z >> 40) * (2.0f / (1 << 24)) - 1;
}
__global__ void diff_kernel(const float* y, const double* r, size_t n, double* worst) {
    double m = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n; i += size_t(gridDim.x) * blockDim.x) {
        double e = fabs(y[i] - r[i]);
        if (!(e <= m)) m = e != e ? 1e30 : e;
    }
    atomicMax((unsigned long long*)worst, __double_as_longlong(m));
}
typedef void (*Launch)(const float*, const float*, float*, Conv);
struct V { const char* name; Launch launch; };
int main(int argc, char** argv) try {
    V all[] = {{"naive", naive}, {"constant", constant}, {"tiled", tiled}, {"register", registers}, {"im2col", im2col}, {"implicit", implicit_gemm}, {"winograd", winograd}};
    std::vector<Conv> shapes = {{1,1,1,1,1},{1,3,2,5,7},{2,17,9,13,11},{1,64,65,9,33},{3,5,67,17,16},{2,8,64,16,32},{32,64,64,56,56},{32,128,128,28,28},{32,256,256,14,14}};
    float *flush; cudaMalloc(&flush, 256 << 20);
    cudaEvent_t e0, e1; cudaEventCreate(&e0); cudaEventCreate(&e1);
    for (auto& v : all) {
        if (argc > 1) { bool found = false; for (int a = 2; a < argc; a++) found |= !strcmp(argv[a], v.name); if (!found) continue; }
        for (Conv d : shapes) for (int off = 0; off < 2; off++) {
            size_t nx = size_t(d.N) * d.C * d.H * d.W, nf = size_t(d.K) * d.C * 9, ny = size_t(d.N) * d.K * d.H * d.W;
            float *x, *f, *y; double *r, *worst;
            CUDA_CHECK(cudaMalloc(&x, (nx + 1) * 4)); CUDA_CHECK(cudaMalloc(&f, (nf + 1) * 4)); CUDA_CHECK(cudaMalloc(&y, (ny + 1) * 4)); CUDA_CHECK(cudaMalloc(&r, ny * 8)); CUDA_CHECK(cudaMalloc(&worst, 8));
            bool big = nx > 1000000;
            if (big && off) continue;
            fill_kernel<<<nx / 256 + 1, 256>>>(x + off, nx, 1); fill_kernel<<<nf / 256 + 1, 256>>>(f + off, nf, 2);
            cudaMemset(y, 0xff, (ny + 1) * 4); cudaMemset(worst, 0, 8);
            ref_kernel<<<ny / 256 + 1, 256>>>(x + off, f + off, r, d);
            v.launch(x + off, f + off, y + off, d);
            diff_kernel<<<1024, 256>>>(y + off, r, ny, worst);
            double w; CUDA_CHECK(cudaMemcpy(&w, worst, 8, cudaMemcpyDeviceToHost));
            double tol = (9.0 * d.C + 32) / (1 << 23);
            if (!(w <= tol)) printf("WRONG %s %d %d %d %d %d off %d: %g > %g\n", v.name, d.N, d.C, d.K, d.H, d.W, off, w, tol);
            if (big) {
                std::vector<float> us;
                for (int i = -3; i < 30; i++) {
                    cudaMemsetAsync(flush, 0, 256 << 20);
                    cudaEventRecord(e0); v.launch(x + off, f + off, y + off, d); cudaEventRecord(e1);
                    CUDA_CHECK(cudaDeviceSynchronize());
                    float ms; cudaEventElapsedTime(&ms, e0, e1);
                    if (i >= 0) us.push_back(ms * 1e3f);
                }
                std::sort(us.begin(), us.end());
                double flops = 18.0 * d.N * d.C * d.K * d.H * d.W;
                printf("%s %s %dx%dx%dx%dx%d %.1f us (min %.1f) %.2f TFLOP/s err %.2g tol %.2g\n", argc > 1 ? argv[1] : "", v.name, d.N, d.C, d.K, d.H, d.W, us[15], us[0], flops / us[15] / 1e6, w, tol);
                fflush(stdout);
            }
            cudaFree(x); cudaFree(f); cudaFree(y); cudaFree(r); cudaFree(worst);
        }
    }
    return 0;
} catch (const std::exception& e) { printf("FAILED %s\n", e.what()); return 1; }
