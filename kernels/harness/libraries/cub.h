// CUB, which comes with the CUDA toolkit, as a baseline: sums.
#pragma once

#include <vector>

#include "../operation.h"

#ifndef HARNESS_NO_BASELINES
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_segmented_reduce.cuh>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#endif

namespace harness {

#ifdef HARNESS_NO_BASELINES
inline std::vector<Version<float>> cub_sum() { return {}; }
inline std::vector<Version<float>> cub_row_sums() { return {}; }
#else

// Scratch memory that only grows: allocated before a call, never inside one.
class Scratch {
public:
    void* at_least(size_t bytes) {
        if (bytes > size) {
            cudaFree(memory);
            CUDA_CHECK(cudaMalloc(&memory, bytes));
            size = bytes;
        }
        return memory;
    }
    void* data() const { return memory; }
    size_t bytes() const { return size; }

private:
    void* memory = nullptr;
    size_t size = 0;
};

inline Scratch& cub_scratch() {
    static Scratch scratch;
    return scratch;
}

// The sum of in[0]; shape {n}.
inline std::vector<Version<float>> cub_sum() {
    auto call = [](const Run<float>& r, void* scratch, size_t& bytes) {
        CUDA_CHECK(cub::DeviceReduce::Sum(scratch, bytes, r.in[0], r.out, int64_t(elements(r.shape))));
    };
    Version<float> version;
    version.name = "CUB";
    version.before = [call](const Run<float>& r) {
        size_t bytes = 0;
        call(r, nullptr, bytes);
        cub_scratch().at_least(bytes);
    };
    version.launch = [call](const Run<float>& r) {
        size_t bytes = cub_scratch().bytes();
        call(r, cub_scratch().data(), bytes);
    };
    return {version};
}

struct RowBegin {
    int64_t columns;
    __host__ __device__ int64_t operator()(int64_t row) const { return row * columns; }
};

// The sum of each row of in[0] (M, N); shape {M, N}.
inline std::vector<Version<float>> cub_row_sums() {
    auto call = [](const Run<float>& r, void* scratch, size_t& bytes) {
        auto begins = thrust::make_transform_iterator(thrust::counting_iterator<int64_t>(0),
                                                      RowBegin{r.shape[1]});
        CUDA_CHECK(cub::DeviceSegmentedReduce::Sum(scratch, bytes, r.in[0], r.out,
                                                   int64_t(r.shape[0]), begins, begins + 1));
    };
    Version<float> version;
    version.name = "CUB";
    version.before = [call](const Run<float>& r) {
        size_t bytes = 0;
        call(r, nullptr, bytes);
        cub_scratch().at_least(bytes);
    };
    version.launch = [call](const Run<float>& r) {
        size_t bytes = cub_scratch().bytes();
        call(r, cub_scratch().data(), bytes);
    };
    return {version};
}

#endif

}  // namespace harness
