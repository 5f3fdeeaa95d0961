// Inputs: reproducible from a seed, different for every element, never symmetric.
//
// Zeros and constants hide swapped indices, unwritten elements and wrong strides.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace harness {

// SplitMix64: element i of seed s is a pure function of (s, i), so that a failure
// at one shape can be looked at alone.
inline uint64_t random_bits(uint64_t seed, uint64_t i) {
    uint64_t x = seed * 0xD1342543DE82EF95ull + (i + 1) * 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

// Uniform in [-1, 1) with 24 random bits: as many as a float holds, more than a half does,
// so that data squeezed through half on the way differ and are found out.
template <class T>
std::vector<T> random_input(uint64_t seed, size_t n) {
    std::vector<T> values(n);
    for (size_t i = 0; i < n; i++)
        values[i] = T(float(random_bits(seed, i) >> 40) * (2.0f / (1 << 24)) - 1.0f);
    return values;
}

inline uint64_t fresh_seed() { return std::random_device{}(); }

// `value` with `bits` bits after the leading one: 10 for half and TF32, 7 for bfloat16.
// Rounds half away from zero; the exponent keeps float's range.
inline float at_lower_precision(float value, int bits) {
    int exponent;
    float fraction = std::frexp(value, &exponent);
    return std::ldexp(std::round(std::ldexp(fraction, bits + 1)), exponent - bits - 1);
}

}  // namespace harness
