/*
Arm's SDOT and SMMLA, lane by lane, on any machine; and the int8 dot product of the CPUs that
have neither, which may add two products in 16 bits only while no weight is -128.

g++ -O2 -std=c++17 sdot.cpp -o sdot && ./sdot
*/
#include <cstdint>
#include <cstdio>
#include <vector>

struct Int8x16 { std::int8_t lane[16]; };
struct Int32x4 { std::int32_t lane[4]; };

// ANCHOR: add
// The hardware wraps modulo 2^32; it does not saturate.
std::int32_t add_wrap(std::int32_t x, std::int32_t y) {
    return std::int32_t(std::uint32_t(x) + std::uint32_t(y));
}
// ANCHOR_END: add

// ANCHOR: sdot
// SDOT Vd.4S, Vn.16B, Vm.16B, or vdotq_s32(acc, a, b)
Int32x4 sdot(Int32x4 acc, Int8x16 a, Int8x16 b) {
    for (int e = 0; e < 4; ++e) {    // four int32 lanes
        std::int32_t sum = 0;
        for (int i = 0; i < 4; ++i)  // four products each
            sum += a.lane[4 * e + i] * b.lane[4 * e + i];
        acc.lane[e] = add_wrap(acc.lane[e], sum);
    }
    return acc;
}
// ANCHOR_END: sdot

// ANCHOR: smmla
// SMMLA: a is 2x8 by rows, b is 8x2 by columns, acc is 2x2
Int32x4 smmla(Int32x4 acc, Int8x16 a, Int8x16 b) {
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
            for (int k = 0; k < 8; ++k)
                acc.lane[2 * i + j] = add_wrap(
                    acc.lane[2 * i + j],
                    a.lane[8 * i + k] * b.lane[8 * j + k]);
    return acc;
}
// ANCHOR_END: smmla

// ANCHOR: dot
std::int32_t dot(const std::int8_t* a, const std::int8_t* b,
                 int n) {
    Int32x4 acc = {};
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        Int8x16 va, vb;  // vld1q_s8
        for (int k = 0; k < 16; ++k)
            va.lane[k] = a[i + k], vb.lane[k] = b[i + k];
        acc = sdot(acc, va, vb);
    }
    std::int32_t sum = 0;  // vaddvq_s32: across the lanes
    for (int e = 0; e < 4; ++e)
        sum = add_wrap(sum, acc.lane[e]);
    for (; i < n; ++i)     // n % 16
        sum = add_wrap(sum, a[i] * b[i]);
    return sum;
}
// ANCHOR_END: dot

// ANCHOR: pairs
// Without SDOT: two products in int16, then into int32
std::int32_t dot_pairs(const std::int8_t* x,
                       const std::int8_t* weight, int n) {
    std::int32_t sum = 0;
    int i = 0;
    for (; i + 2 <= n; i += 2) {
        int pair = x[i] * weight[i];            // SMULL
        pair += x[i + 1] * weight[i + 1];       // SMLAL
        sum = add_wrap(sum, std::int16_t(pair));  // SADALP
    }
    for (; i < n; ++i)
        sum = add_wrap(sum, x[i] * weight[i]);
    return sum;
}
// ANCHOR_END: pairs

// ANCHOR: range
std::int8_t quantised(int code, bool weight) {
    int lowest = weight ? -127 : -128;
    return std::int8_t(code < lowest ? lowest : code);
}
// ANCHOR_END: range

int next(std::uint32_t& state) {
    state = state * 1664525u + 1013904223u;
    return int(state >> 24) - 128;  // -128 … 127
}

// The definition, in 64 bits: no order, no lanes, nothing wraps.
std::int64_t reference(const std::int8_t* a, const std::int8_t* b, int n) {
    std::int64_t sum = 0;
    for (int i = 0; i < n; ++i) sum += std::int64_t(a[i]) * b[i];
    return sum;
}

bool same(const char* what, int n, std::int64_t got, std::int64_t expected) {
    if (got == expected) return true;
    std::fprintf(stderr, "%s, n = %d: %lld instead of %lld\n", what, n,
                 static_cast<long long>(got), static_cast<long long>(expected));
    return false;
}

bool check_sizes() {
    for (int n : {0, 1, 2, 15, 16, 17, 33, 1000, 4099}) {
        std::uint32_t state = 2463534242u + unsigned(n);
        std::vector<std::int8_t> x, w;
        for (int i = 0; i < n; ++i) {
            x.push_back(quantised(next(state), false));
            w.push_back(quantised(next(state), true));
        }
        // The extremes side by side: the pair that decides whether int16 is enough.
        for (int i = 0; i < 2 && i < n; ++i) {
            x[i] = quantised(-128, false);
            w[i] = quantised(-128, true);
        }
        std::int64_t expected = reference(x.data(), w.data(), n);
        if (!same("dot", n, dot(x.data(), w.data(), n), expected)) return false;
        if (!same("pairs in int16", n, dot_pairs(x.data(), w.data(), n), expected)) return false;
    }
    return true;
}

bool check_lanes(Int32x4 acc, Int8x16 a, Int8x16 b) {
    Int32x4 s = sdot(acc, a, b), m = smmla(acc, a, b);
    for (int e = 0; e < 4; ++e) {
        std::int64_t four = reference(a.lane + 4 * e, b.lane + 4 * e, 4);
        std::int64_t eight = reference(a.lane + 8 * (e / 2), b.lane + 8 * (e % 2), 8);
        if (!same("sdot lane", e, s.lane[e], acc.lane[e] + four)) return false;
        if (!same("smmla lane", e, m.lane[e], acc.lane[e] + eight)) return false;
    }
    return true;
}

void print(const char* name, Int32x4 v) {
    std::printf("%-6s %5d %5d %5d %5d\n", name, v.lane[0], v.lane[1], v.lane[2], v.lane[3]);
}

int main() {
    // ANCHOR: example
    Int8x16 a = {{1, 2, 3, 4, 10, 10, 10, 10,
                  -1, -1, -1, -1, 127, 127, 127, 127}};
    Int8x16 b = {{1, 1, 1, 1, 1, 2, 3, 4,
                  5, 6, 7, 8, -128, -128, -128, -128}};
    Int32x4 acc = {{1000, 0, 0, 0}};
    print("SDOT", sdot(acc, a, b));
    print("SMMLA", smmla(acc, a, b));
    // ANCHOR_END: example
    if (!check_lanes(acc, a, b) || !check_sizes()) return 1;
    Int32x4 full = {{INT32_MAX, 0, 0, 0}};
    Int8x16 one = {{1}};
    if (!same("wrap", 1, sdot(full, one, one).lane[0], INT32_MIN)) return 1;
}
