/*
A sum over threads with OpenMP: each thread keeps a part of its own, and the parts are added
at the end. Without that every thread writes the one variable: a race.

g++ -O2 -std=c++17 -fopenmp sum.cpp -o sum && ./sum
*/
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

// ANCHOR: reduction
double sum(const std::vector<float>& x) {
    double total = 0;
#pragma omp parallel for reduction(+ : total)
    for (std::size_t i = 0; i < x.size(); ++i)
        total += x[i];
    return total;
}
// ANCHOR_END: reduction

// ANCHOR: by-hand
double sum_by_hand(const std::vector<float>& x) {
    double total = 0;
#pragma omp parallel
    {
        double part = 0;  // one a thread
#pragma omp for nowait
        for (std::size_t i = 0; i < x.size(); ++i)
            part += x[i];
#pragma omp atomic
        total += part;  // once a thread, not once an element
    }
    return total;
}
// ANCHOR_END: by-hand

// The reference: one thread, and whole numbers, which no order of adding can change.
bool check(const char* name, std::size_t n, double (*f)(const std::vector<float>&)) {
    std::vector<float> x(n);
    std::int64_t expected = 0;
    for (std::size_t i = 0; i < n; ++i) {
        std::int64_t value = std::int64_t(i * 2654435761u % 1000) - 300;
        expected += value;
        x[i] = float(value) / 8;  // exact in binary, and so is every sum of them here
    }
    double error = std::fabs(f(x) - double(expected) / 8);
    if (error <= 0) return true;
    std::fprintf(stderr, "%s: the sum of %zu elements is wrong\n", name, n);
    return false;
}

int main() {
    for (std::size_t n : {0, 1, 3, 1000, 100003}) {
        if (!check("reduction", n, sum) || !check("by hand", n, sum_by_hand)) return 1;
        std::printf("%6zu elements: reduction right, by hand right\n", n);
    }
}
