/*
A micro-benchmark of one operation: one dependent chain shows its latency, eight independent
chains its throughput. The times go to stderr (they differ from run to run); what is checked
here is that both loops do the arithmetic that they claim to time.

g++ -O2 -std=c++17 chain.cpp -o chain && ./chain
*/
#include <chrono>
#include <cmath>
#include <cstdio>

// ANCHOR: keep
// The compiler must believe that v is read and changed here.
inline void keep(double& v) { asm volatile("" : "+x"(v)); }
// ANCHOR_END: keep

// ANCHOR: latency
// One chain: each multiplication waits for the one before.
double one_chain(double x, double f, long n) {
    for (long i = 0; i < n; ++i) {
        x *= f;
        keep(x);
    }
    return x;
}
// ANCHOR_END: latency

// ANCHOR: throughput
// Eight chains: eight multiplications may be in flight. With
// the loops over k unrolled, a[] is eight registers; in memory
// it would have stores and loads timed as well.
double eight_chains(double x, double f, long n) {
    double a[8] = {x, x, x, x, x, x, x, x};
    for (long i = 0; i < n; ++i)
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) {
            a[k] *= f;
            keep(a[k]);
        }
#pragma GCC unroll 8
    for (int k = 1; k < 8; ++k)
        if (!(std::fabs(a[k] - a[0]) <= 0)) return NAN;
    return a[0];
}
// ANCHOR_END: throughput

// ANCHOR: time
using Loop = double (*)(double, double, long);

// Best of several runs: interruptions only ever add time.
double best_ns(Loop loop, long n, int ops) {
    double best = 1e300;
    for (int run = 0; run < 10; ++run) {
        auto t0 = std::chrono::steady_clock::now();
        double y = loop(1.0, 1.0000001, n);
        auto t1 = std::chrono::steady_clock::now();
        keep(y);
        double ns = std::chrono::duration<double, std::nano>(
                        t1 - t0).count();
        best = std::fmin(best, ns / (double(n) * ops));
    }
    return best;
}
// ANCHOR_END: time

// n multiplications by f are f to the n-th, up to n roundings of one half ulp.
bool check(const char* name, Loop loop, long n) {
    double got = loop(3.0, 1.0000001, n);
    double want = 3.0 * std::exp(double(n) * std::log1p(1.0000001 - 1.0));
    if (std::fabs(got - want) <= double(n + 4) * 0x1p-52 * want) return true;
    std::fprintf(stderr, "%s: n = %ld gives %.17g, not %.17g\n", name, n, got, want);
    return false;
}

int main() {
    const long rounds[] = {0, 1, 7, 1000, 100003};
    for (long n : rounds) {
        if (!check("one chain", one_chain, n) || !check("eight chains", eight_chains, n))
            return 1;
        std::printf("%6ld rounds: 1 chain right, 8 chains right\n", n);
    }
    std::fprintf(stderr, "latency %.2f ns, per independent operation %.2f ns\n",
                 best_ns(one_chain, 200000, 1), best_ns(eight_chains, 200000, 8));
}
