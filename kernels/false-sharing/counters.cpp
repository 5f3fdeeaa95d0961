/*
One counter a thread. Side by side, eight of them share a cache line, and every increment takes
the line away from the other cores; padded, each has a line of its own. The sums are right
either way: false sharing costs time, never correctness.

g++ -O2 -std=c++17 -fopenmp counters.cpp -o counters && ./counters
*/
#include <omp.h>

#include <cstdint>
#include <cstdio>
#include <set>
#include <vector>

// ANCHOR: padded
constexpr int kLine = 64;  // bytes, on x86-64

struct alignas(kLine) Counter {  // sizeof is a multiple of 64
    long value = 0;
};
// ANCHOR_END: padded

struct Packed {
    long value = 0;
};

// ANCHOR: count
template <class T>
long count_even(const std::vector<int>& x, T* part, int p) {
#pragma omp parallel num_threads(p)
    {
        int me = omp_get_thread_num();
#pragma omp for
        for (std::size_t i = 0; i < x.size(); ++i)
            if (x[i] % 2 == 0) ++part[me].value;
    }
    long total = 0;
    for (int t = 0; t < p; ++t) total += part[t].value;
    return total;
}
// ANCHOR_END: count

template <class T>
int lines(const T* part, int n) {
    std::set<std::uintptr_t> touched;
    for (int i = 0; i < n; ++i) touched.insert(std::uintptr_t(&part[i].value) / kLine);
    return int(touched.size());
}

int main() {
    std::vector<int> x(100003);
    long expected = 0;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = int(i * 7 % 1000 + i % 3);
    for (int v : x) expected += v % 2 == 0;
    alignas(kLine) Packed packed[8];
    alignas(kLine) Counter padded[8];
    long a = count_even(x, packed, 8), b = count_even(x, padded, 8);
    if (a != expected || b != expected) return std::fprintf(stderr, "a count is wrong\n"), 1;
    int own = lines(padded, 8);
    if (own != 8) return std::fprintf(stderr, "8 counters in %d cache line\n", own), 1;
    std::printf("packed: %zu bytes each, 8 counters in %d cache line\n", sizeof(Packed),
                lines(packed, 8));
    std::printf("padded: %zu bytes each, 8 counters in %d cache lines\n", sizeof(Counter), own);
    std::printf("both count right\n");
}
