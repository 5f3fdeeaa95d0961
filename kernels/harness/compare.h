// Output against the fp64 reference.
//
// The comparison runs on the GPU, so that every timed call can be checked and not the
// first alone.
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

    double largest() const {
        double value;
        std::memcpy(&value, &largest_bits, sizeof value);
        return value;
    }
};

// |error| allowed: absolute + relative · |expected|.
struct Tolerance {
    double absolute, relative;
};

// A NaN compares false with everything, so the question must be "is it close?", never
// "is it far?"; and what is not finite is wrong before any difference is taken, unless the
// definition says just that.
__host__ __device__ inline bool close(double got, double expected, Tolerance t) {
    if (isnan(expected)) return isnan(got);
    if (isinf(expected)) return got == expected;
    return isfinite(got) && fabs(got - expected) <= t.absolute + t.relative * fabs(expected);
}

template <class T>
__host__ __device__ inline double widened(T value) {
    return double(float(value));
}
template <>
__host__ __device__ inline double widened(double value) {
    return value;
}

template <class T>
__global__ void compare_kernel(const T* out, const double* expected, size_t n, Tolerance tolerance,
                               Verdict* verdict) {
    double largest = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x) {
        double got = widened(out[i]);
        if (!close(got, expected[i], tolerance)) {
            atomicAdd(&verdict->wrong, 1ull);
            atomicMin(&verdict->first, (unsigned long long)i);
        } else {
            largest = fmax(largest, fabs(got - expected[i]));
        }
    }
    if (largest > 0) atomicMax(&verdict->largest_bits, __double_as_longlong(largest));
}

__global__ void largest_kernel(const double* p, size_t n, Verdict* verdict) {
    double largest = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        largest = fmax(largest, fabs(p[i]));
    if (largest > 0) atomicMax(&verdict->largest_bits, __double_as_longlong(largest));
}

__global__ void count_not_finite(const double* p, size_t n, unsigned long long* count) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        if (!isfinite(p[i])) atomicAdd(count, 1ull);
}

class Comparison {
public:
    Comparison(size_t n, Tolerance tolerance) : n(n), tolerance(tolerance) {
        CUDA_CHECK(cudaMalloc(&expected, n * sizeof(double)));
        CUDA_CHECK(cudaMalloc(&verdict, sizeof *verdict));
        CUDA_CHECK(cudaMemset(expected, 0xFF, n * sizeof(double)));  // NaN, until it is known
    }
    ~Comparison() {
        cudaFree(expected);
        cudaFree(verdict);
    }
    Comparison(const Comparison&) = delete;

    // What to compare with, for a reference that computes it here.
    double* data() const { return expected; }

    void expect(const std::vector<double>& host) {
        if (host.size() != n)
            throw Failure("reference", "the reference has " + std::to_string(host.size()) +
                                           " elements instead of " + std::to_string(n));
        CUDA_CHECK(
            cudaMemcpy(expected, host.data(), n * sizeof(double), cudaMemcpyHostToDevice));
    }

    // The largest |error| that may pass, over all elements.
    double largest_allowed() const {
        if (tolerance.relative == 0) return tolerance.absolute;
        CUDA_CHECK(cudaMemset(verdict, 0, sizeof *verdict));
        largest_kernel<<<blocks_for(n), 256>>>(expected, n, verdict);
        CUDA_CHECK(cudaGetLastError());
        Verdict found;
        CUDA_CHECK(cudaMemcpy(&found, verdict, sizeof found, cudaMemcpyDeviceToHost));
        return tolerance.absolute + tolerance.relative * found.largest();
    }

    // A reference that left an element out would let anything pass there.
    void require_finite() const {
        static Counter counter;
        count_not_finite<<<blocks_for(n), 256>>>(expected, n, counter.zeroed());
        CUDA_CHECK(cudaGetLastError());
        if (unsigned long long count = counter.value())
            throw Failure("reference", std::to_string(count) + " of " + std::to_string(n) +
                                           " elements of the reference are not finite");
    }

    template <class T>
    Verdict judge(const T* out) const {
        return judge(out, tolerance);
    }

    template <class T>
    Verdict judge(const T* out, Tolerance allowed) const {
        Verdict result = {0, n, 0};
        CUDA_CHECK(cudaMemcpy(verdict, &result, sizeof result, cudaMemcpyHostToDevice));
        compare_kernel<<<blocks_for(n), 256>>>(out, expected, n, allowed, verdict);
        CUDA_CHECK(cudaGetLastError());
        CUDA_CHECK(cudaMemcpy(&result, verdict, sizeof result, cudaMemcpyDeviceToHost));
        return result;
    }

    // Largest error; throws where an element is wrong.
    template <class T>
    double check(const T* out) const {
        Verdict found = judge(out);
        if (found.wrong == 0) return found.largest();
        T got;
        double wanted;
        CUDA_CHECK(cudaMemcpy(&got, out + found.first, sizeof got, cudaMemcpyDeviceToHost));
        CUDA_CHECK(cudaMemcpy(&wanted, expected + found.first, sizeof wanted,
                              cudaMemcpyDeviceToHost));
        bool finite = std::isfinite(widened(got));
        char value[32] = "NaN", text[160];
        if (!std::isnan(widened(got))) std::snprintf(value, sizeof value, "%.7g", widened(got));
        std::snprintf(text, sizeof text,
                      "%llu of %zu elements wrong, the first at [%llu]: %s instead of %.7g",
                      found.wrong, n, found.first, value, wanted);
        throw Failure(finite ? "value" : "not-finite", text);
    }

private:
    size_t n;
    Tolerance tolerance;
    double* expected = nullptr;
    Verdict* verdict = nullptr;
};

}  // namespace harness
