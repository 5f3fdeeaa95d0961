// cuSPARSE as a baseline: y = A·x with A in CSR.
#pragma once

#include <library_types.h>

#include <vector>

#include "../operation.h"
#include "library.h"

namespace harness {

#ifdef HARNESS_NO_BASELINES
template <class Sizes>
std::vector<Version<float>> cusparse_spmv(Sizes) {
    return {};
}
#else

class Cusparse {
public:
    static const Cusparse& get() {
        static Cusparse cusparse;
        return cusparse;
    }
    explicit operator bool() const { return bool(library); }

    // What the library knows of one matrix and its two vectors.
    struct Product {
        Run<float> run;
        void *matrix = nullptr, *x = nullptr, *y = nullptr, *workspace = nullptr;
    };

    // `entries` of the matrix, `columns` of it: what its buffers hold. Untimed, as one does
    // it once for many products.
    void prepare(Product& p, const Run<float>& r, int64_t rows, int64_t columns, int64_t entries) const {
        release(p);
        p.run = r;
        LIBRARY_CHECK(create_csr(&p.matrix, rows, columns, entries, r.indices[0], r.indices[1], r.in[0],
                                 INDEX_32I, INDEX_32I, BASE_ZERO, CUDA_R_32F));
        LIBRARY_CHECK(create_vector(&p.x, columns, r.in[1], CUDA_R_32F));
        LIBRARY_CHECK(create_vector(&p.y, rows, r.out, CUDA_R_32F));
        size_t bytes = 0;
        const float one = 1, zero = 0;
        LIBRARY_CHECK(buffer_size(handle, PLAIN, &one, p.matrix, p.x, &zero, p.y, CUDA_R_32F, DEFAULT,
                                  &bytes));
        CUDA_CHECK(cudaMalloc(&p.workspace, bytes + 1));
        LIBRARY_CHECK(preprocess(handle, PLAIN, &one, p.matrix, p.x, &zero, p.y, CUDA_R_32F, DEFAULT,
                                 p.workspace));
    }

    void multiply(const Product& p) const {
        const float one = 1, zero = 0;
        LIBRARY_CHECK(spmv(handle, PLAIN, &one, p.matrix, p.x, &zero, p.y, CUDA_R_32F, DEFAULT,
                           p.workspace));
    }

private:
    static constexpr int PLAIN = 0, DEFAULT = 0, INDEX_32I = 2, BASE_ZERO = 0;

    Cusparse() : library({"libcusparse.so.12", "libcusparse.so.13"}) {
        if (!library) return;
        LIBRARY_CHECK(library.get<int(void**)>("cusparseCreate")(&handle));
        create_csr = library.get<CreateCsr>("cusparseCreateCsr");
        create_vector = library.get<CreateVector>("cusparseCreateDnVec");
        destroy_matrix = library.get<Destroy>("cusparseDestroySpMat");
        destroy_vector = library.get<Destroy>("cusparseDestroyDnVec");
        buffer_size = library.get<BufferSize>("cusparseSpMV_bufferSize");
        preprocess = library.get<SpMV>("cusparseSpMV_preprocess");
        spmv = library.get<SpMV>("cusparseSpMV");
    }

    void release(Product& p) const {
        if (!p.matrix) return;
        destroy_matrix(p.matrix);
        destroy_vector(p.x);
        destroy_vector(p.y);
        cudaFree(p.workspace);
    }

    using CreateCsr = int(void**, int64_t, int64_t, int64_t, const void*, const void*, const void*, int,
                          int, int, cudaDataType);
    using CreateVector = int(void**, int64_t, const void*, cudaDataType);
    using Destroy = int(void*);
    using BufferSize = int(void*, int, const void*, void*, void*, const void*, void*, cudaDataType, int,
                           size_t*);
    using SpMV = int(void*, int, const void*, void*, void*, const void*, void*, cudaDataType, int, void*);

    Library library;
    void* handle = nullptr;
    CreateCsr* create_csr = nullptr;
    CreateVector* create_vector = nullptr;
    Destroy *destroy_matrix = nullptr, *destroy_vector = nullptr;
    BufferSize* buffer_size = nullptr;
    SpMV *preprocess = nullptr, *spmv = nullptr;
};

// y = A·x. in: values, x; indices: the rows' beginnings (rows + 1), the columns; out: y.
// `sizes` tells rows, columns and entries of the matrix of a shape.
template <class Sizes>
std::vector<Version<float>> cusparse_spmv(Sizes sizes) {
    if (!Cusparse::get()) return {};
    static Cusparse::Product product;
    Version<float> version;
    version.name = "cuSPARSE";
    version.before = [sizes](const Run<float>& r) {
        if (product.run.shape == r.shape && product.run.in == r.in && product.run.out == r.out)
            return;
        auto size = sizes(r.shape);
        Cusparse::get().prepare(product, r, size.rows, size.columns, size.entries);
    };
    version.launch = [](const Run<float>&) { Cusparse::get().multiply(product); };
    return {version};
}

#endif

}  // namespace harness
