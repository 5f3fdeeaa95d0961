// Output against the fp64 reference.
//
// The comparison runs on the GPU, so that every timed call can be checked and not the
// first alone; the reference itself is always computed on the CPU.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "guarded_buffer.h"

namespace harness {

struct Verdict {
    unsigned long long wrong;         // elements off by more than the tolerance, or not finite
    unsigned long long first;         // the first of them
    unsigned long long largest_bits;  // largest difference, as bits (they order as the value does)
};

// A NaN compares false with everything, so the question must be "is it close?", never
// "is it far?"; and what is not finite is wrong before any difference is taken.
__host__ __device__ inline bool close(double got, double expected, double tolerance) {
    return isfinite(got) && fabs(got - expected) <= tolerance;
}

template <class T>
__global__ void compare_kernel(const T* out, const double* expected, size_t n, double tolerance,
                               Verdict* verdict) {
    double largest = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x) {
        double got = double(float(out[i]));
        if (!close(got, expected[i], tolerance)) {
            atomicAdd(&verdict->wrong, 1ull);
            atomicMin(&verdict->first, (unsigned long long)i);
        } else {
            largest = fmax(largest, fabs(got - expected[i]));
        }
    }
    if (largest > 0) atomicMax(&verdict->largest_bits, __double_as_longlong(largest));
}

template <class T>
class Comparison {
public:
    Comparison(const std::vector<double>& host, double tolerance)
        : n(host.size()), tolerance(tolerance) {
        CUDA_CHECK(cudaMalloc(&expected, n * sizeof(double)));
        CUDA_CHECK(cudaMalloc(&verdict, sizeof *verdict));
        CUDA_CHECK(
            cudaMemcpy(expected, host.data(), n * sizeof(double), cudaMemcpyHostToDevice));
    }
    ~Comparison() {
        cudaFree(expected);
        cudaFree(verdict);
    }
    Comparison(const Comparison&) = delete;

    Verdict judge(const T* out) const {
        Verdict result = {0, n, 0};
        CUDA_CHECK(cudaMemcpy(verdict, &result, sizeof result, cudaMemcpyHostToDevice));
        compare_kernel<<<blocks_for(n), 256>>>(out, expected, n, tolerance, verdict);
        CUDA_CHECK(cudaGetLastError());
        CUDA_CHECK(cudaMemcpy(&result, verdict, sizeof result, cudaMemcpyDeviceToHost));
        return result;
    }

    // Largest error; throws where an element is wrong.
    double check(const T* out) const {
        Verdict found = judge(out);
        if (found.wrong == 0) {
            double largest;
            std::memcpy(&largest, &found.largest_bits, sizeof largest);
            return largest;
        }
        T got;
        double wanted;
        CUDA_CHECK(cudaMemcpy(&got, out + found.first, sizeof got, cudaMemcpyDeviceToHost));
        CUDA_CHECK(cudaMemcpy(&wanted, expected + found.first, sizeof wanted,
                              cudaMemcpyDeviceToHost));
        bool finite = std::isfinite(double(float(got)));
        char value[32] = "NaN", text[160];
        if (!std::isnan(double(float(got))))
            std::snprintf(value, sizeof value, "%.7g", double(float(got)));
        std::snprintf(text, sizeof text,
                      "%llu of %zu elements wrong, the first at [%llu]: %s instead of %.7g",
                      found.wrong, n, found.first, value, wanted);
        throw Failure(finite ? "value" : "not-finite", text);
    }

private:
    size_t n;
    double tolerance;
    double* expected = nullptr;
    Verdict* verdict = nullptr;
};

}  // namespace harness
