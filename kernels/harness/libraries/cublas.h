// cuBLAS as a baseline: matrix products of row-major matrices.
#pragma once

#include <cuda_bf16.h>
#include <library_types.h>

#include <vector>

#include "../operation.h"
#include "library.h"

namespace harness {

#ifdef HARNESS_NO_BASELINES
inline std::vector<Version<float>> cublas_sgemm() { return {}; }
inline std::vector<Version<__nv_bfloat16>> cublas_gemm_bf16() { return {}; }
#else

class Cublas {
public:
    static constexpr int N = 0, T = 1;               // cublasOperation_t
    static constexpr int COMPUTE_32F = 68;           // cublasComputeType_t, not 77, which is TF32
    static constexpr int DEFAULT_ALGORITHM = -1;     // cublasGemmAlgo_t
    static constexpr size_t WORKSPACE = 64 << 20;    // bytes; what cuBLAS asks for on Hopper is 32 MiB

    static const Cublas& get() {
        static Cublas cublas;
        return cublas;
    }
    explicit operator bool() const { return bool(library); }

    // Column-major C (m, n) = op(A) op(B), as the library has it.
    void gemm(int op_a, int op_b, int m, int n, int k, const void* a, int lda, const void* b, int ldb,
              void* c, int ldc, cudaDataType type) const {
        const float one = 1, zero = 0;
        LIBRARY_CHECK(gemm_ex(handle, op_a, op_b, m, n, k, &one, a, type, lda, b, type, ldb, &zero, c,
                              type, ldc, COMPUTE_32F, DEFAULT_ALGORITHM));
    }

private:
    Cublas() : library({"libcublas.so.13", "libcublas.so.12"}) {
        if (!library) return;
        LIBRARY_CHECK(library.get<int(void**)>("cublasCreate_v2")(&handle));
        CUDA_CHECK(cudaMalloc(&workspace, WORKSPACE));
        LIBRARY_CHECK(library.get<int(void*, void*, size_t)>("cublasSetWorkspace_v2")(
            handle, workspace, WORKSPACE));
        gemm_ex = library.get<GemmEx>("cublasGemmEx");
    }

    using GemmEx = int(void*, int, int, int, int, int, const void*, const void*, cudaDataType, int,
                       const void*, cudaDataType, int, const void*, void*, cudaDataType, int, int,
                       int);
    Library library;
    void* handle = nullptr;
    void* workspace = nullptr;
    GemmEx* gemm_ex = nullptr;
};

// C (M, N) = A (M, K) · B (K, N) in fp32 without TF32; shape {M, N, K}.
inline std::vector<Version<float>> cublas_sgemm() {
    if (!Cublas::get()) return {};
    return {{"cuBLAS", [](const Run<float>& r) {
                 int M = r.shape[0], N = r.shape[1], K = r.shape[2];
                 // Row-major C is column-major Cᵀ = Bᵀ Aᵀ.
                 Cublas::get().gemm(Cublas::N, Cublas::N, N, M, K, r.in[1], N, r.in[0], K, r.out, N,
                                    CUDA_R_32F);
             }}};
}

// C (M, N) = A (M, K) · B (N, K)ᵀ, bfloat16 with fp32 accumulation; shape {M, N, K}.
inline std::vector<Version<__nv_bfloat16>> cublas_gemm_bf16() {
    if (!Cublas::get()) return {};
    return {{"cuBLAS", [](const Run<__nv_bfloat16>& r) {
                 int M = r.shape[0], N = r.shape[1], K = r.shape[2];
                 Cublas::get().gemm(Cublas::T, Cublas::N, N, M, K, r.in[1], K, r.in[0], K, r.out, N,
                                    CUDA_R_16BF);
             }}};
}

#endif

}  // namespace harness
