// cuBLAS has no column sums: the nearest is a product with a vector of ones.
#pragma once

#include <vector>

#include "../operation.h"
#include "library.h"

namespace harness {

#ifdef HARNESS_NO_BASELINES
inline std::vector<Version<float>> cublas_column_sums() { return {}; }
#else

// The sum of each column of in[0] (M, N); shape {M, N}.
inline std::vector<Version<float>> cublas_column_sums() {
    static const Library library({"libcublas.so.13", "libcublas.so.12"});
    if (!library) return {};
    using Sgemv = int(void*, int, int, int, const float*, const float*, int, const float*, int,
                      const float*, float*, int);
    static const auto sgemv = library.get<Sgemv>("cublasSgemv_v2");
    static void* handle = nullptr;
    static float* ones = nullptr;
    LIBRARY_CHECK(library.get<int(void**)>("cublasCreate_v2")(&handle));
    Version<float> version;
    version.name = "cuBLAS gemv";
    version.before = [](const Run<float>& r) {
        std::vector<float> host(r.shape[0], 1);
        CUDA_CHECK(cudaMalloc(&ones, host.size() * sizeof(float)));
        CUDA_CHECK(cudaMemcpy(ones, host.data(), host.size() * sizeof(float),
                              cudaMemcpyHostToDevice));
    };
    version.launch = [](const Run<float>& r) {
        // Row-major A is column-major Aᵀ (N, M): out = Aᵀ · ones.
        int M = r.shape[0], N = r.shape[1], none = 0;
        const float one = 1, zero = 0;
        LIBRARY_CHECK(sgemv(handle, none, N, M, &one, r.in[0], N, ones, 1, &zero, r.out, 1));
    };
    version.after = [](const Run<float>&) { CUDA_CHECK(cudaFree(ones)); };
    return {version};
}

#endif

}  // namespace harness
