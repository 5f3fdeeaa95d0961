// Inputs: reproducible from a seed, different for every element, never symmetric.
//
// Zeros and constants hide swapped indices, unwritten elements and wrong strides.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "guarded_buffer.h"

namespace harness {

// SplitMix64: element i of seed s is a pure function of (s, i), so that a failure
// at one shape can be looked at alone.
__host__ __device__ inline uint64_t random_bits(uint64_t seed, uint64_t i) {
    uint64_t x = seed * 0xD1342543DE82EF95ull + (i + 1) * 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

// Uniform in [-1, 1) with 24 random bits: as many as a float holds, more than a half does,
// so that data squeezed through half on the way differ and are found out.
template <class T>
__global__ void fill_random(T* p, size_t n, uint64_t seed) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        p[i] = T(float(random_bits(seed, i) >> 40) * (2.0f / (1 << 24)) - 1.0f);
}

template <class T>
void fill_random(const GuardedBuffer<T>& buffer, uint64_t seed) {
    fill_random<<<blocks_for(buffer.size()), 256>>>(buffer.data(), buffer.size(), seed);
    CUDA_CHECK(cudaGetLastError());
}

// Each element with `bits` bits after the leading one: 10 for half and TF32, 7 for bfloat16.
// Rounds half away from zero; the exponent keeps float's range.
template <class T>
__global__ void lower_precision_kernel(T* p, size_t n, int bits) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x) {
        int exponent;
        float fraction = frexpf(float(p[i]), &exponent);
        p[i] = T(ldexpf(roundf(ldexpf(fraction, bits + 1)), exponent - bits - 1));
    }
}

template <class T>
void lower_precision(const GuardedBuffer<T>& buffer, int bits) {
    lower_precision_kernel<<<blocks_for(buffer.size()), 256>>>(buffer.data(), buffer.size(), bits);
    CUDA_CHECK(cudaGetLastError());
}

inline uint64_t fresh_seed() { return std::random_device{}(); }

}  // namespace harness
