/*
Dot product: one accumulator, eight accumulators, AVX2 with FMA. One accumulator waits for
each addition before the next; several hide that latency, and eight of them are a register.

g++ -O2 -std=c++17 dot.cpp -o dot && ./dot
*/
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>

// ANCHOR: scalar
float dot_scalar(const float* a, const float* b, int n) {
    float sum = 0;
    for (int i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}
// ANCHOR_END: scalar

// ANCHOR: accumulators
float dot_8(const float* a, const float* b, int n) {
    float part[8] = {};  // eight chains of additions, not one
    int i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; ++k)
            part[k] += a[i + k] * b[i + k];
    float sum = 0;
    for (float p : part) sum += p;
    for (; i < n; ++i) sum += a[i] * b[i];  // n % 8
    return sum;
}
// ANCHOR_END: accumulators

// ANCHOR: avx2
__attribute__((target("avx2,fma")))
float dot_avx2(const float* a, const float* b, int n) {
    __m256 s0 = _mm256_setzero_ps(), s1 = s0;
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i),
                             _mm256_loadu_ps(b + i), s0);
        s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8),
                             _mm256_loadu_ps(b + i + 8), s1);
    }
    __m256 s = _mm256_add_ps(s0, s1);  // 8 lanes → 4 → 2 → 1
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(s),
                          _mm256_extractf128_ps(s, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    q = _mm_add_ss(q, _mm_shuffle_ps(q, q, 1));
    float sum = _mm_cvtss_f32(q);
    for (; i < n; ++i) sum += a[i] * b[i];  // n % 16
    return sum;
}
// ANCHOR_END: avx2

// ANCHOR: dispatch
float dot(const float* a, const float* b, int n) {
    static const bool fast = __builtin_cpu_supports("avx2") &&
                             __builtin_cpu_supports("fma");
    return fast ? dot_avx2(a, b, n) : dot_8(a, b, n);
}
// ANCHOR_END: dispatch

struct Version {
    const char* name;
    float (*f)(const float*, const float*, int);
};

// Inputs of either sign and of several sizes, from a fixed seed.
float next(std::uint32_t& state) {
    state = state * 1664525u + 1013904223u;
    return float(std::int32_t(state >> 8) - (1 << 23)) / (1 << 22);
}

// Against the definition in double. Adding n products in fp32, in whatever order, is off by
// at most n unit roundoffs of the sum of their sizes.
bool check(const Version& version, int n) {
    // Exactly n elements and one float off alignment: reading past the end is seen.
    std::unique_ptr<float[]> a(new float[n + 1]), b(new float[n + 1]);
    std::uint32_t state = 2463534242u + unsigned(n);
    double expected = 0, sizes = 0;
    for (int i = 0; i <= n; ++i) a[i] = next(state), b[i] = next(state);
    for (int i = 1; i <= n; ++i) expected += double(a[i]) * b[i];
    for (int i = 1; i <= n; ++i) sizes += std::fabs(double(a[i]) * b[i]);
    double error = std::fabs(version.f(a.get() + 1, b.get() + 1, n) - expected);
    if (error <= (n + 1) * 0x1p-24 * sizes) return true;
    std::fprintf(stderr, "%s: wrong at n = %d\n", version.name, n);
    return false;
}

int main() {
    const Version versions[] = {
        {"scalar", dot_scalar}, {"8 accumulators", dot_8}, {"AVX2 or fallback", dot}};
    const int sizes[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 1000, 4099};
    for (const Version& version : versions) {
        for (int n : sizes)
            if (!check(version, n)) return 1;
        std::printf("%-16s right at 12 sizes, 0 to 4099\n", version.name);
    }
}
