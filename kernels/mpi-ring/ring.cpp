/*
All-reduce on a ring: reduce-scatter, then all-gather. Each rank sends 2 (p - 1) chunks of
about n / p elements, however many ranks there are.

mpicxx -O2 -std=c++17 ring.cpp -o ring && mpirun --oversubscribe -n 4 ./ring
*/
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

// ANCHOR: chunks
// Chunk c of n elements in p chunks, which need not divide n.
int begin(int c, int n, int p) {
    return int((long long)c * n / p);
}
// ANCHOR_END: chunks

// ANCHOR: exchange
// Sends chunk `out` to the right, receives `in` from the left.
void exchange(const std::vector<float>& x, int out,
              std::vector<float>& got, int in, int rank,
              int p) {
    int n = int(x.size()), b = begin(out, n, p);
    got.resize(begin(in + 1, n, p) - begin(in, n, p));
    MPI_Sendrecv(
        x.data() + b, begin(out + 1, n, p) - b, MPI_FLOAT,
        (rank + 1) % p, 0,
        got.data(), int(got.size()), MPI_FLOAT,
        (rank + p - 1) % p, 0,
        MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}
// ANCHOR_END: exchange

// ANCHOR: ring
void ring_all_reduce(std::vector<float>& x, int rank, int p) {
    int n = int(x.size());
    std::vector<float> got;
    // Reduce-scatter: after p - 1 steps rank r holds the whole
    // sum of chunk r + 1.
    for (int s = 0; s < p - 1; ++s) {
        int out = (rank - s + p) % p;
        int in = (rank - s - 1 + p) % p;
        exchange(x, out, got, in, rank, p);
        float* to = x.data() + begin(in, n, p);
        for (std::size_t i = 0; i < got.size(); ++i)
            to[i] += got[i];
    }
    // All-gather: the whole sums go round.
    for (int s = 0; s < p - 1; ++s) {
        int out = (rank + 1 - s + p) % p;
        int in = (rank - s + p) % p;
        exchange(x, out, got, in, rank, p);
        std::copy(got.begin(), got.end(),
                  x.data() + begin(in, n, p));
    }
}
// ANCHOR_END: ring

float input(int rank, int i) {
    return float((i * 37 + rank * 101 + 11) % 211) - 90.5f;
}

// Every rank against the definition in double: the sum over ranks of their inputs. Halves of
// whole numbers below 2^24 are added without rounding, in whatever order.
bool is_right(const std::vector<float>& x, int p) {
    for (int i = 0; i < int(x.size()); ++i) {
        double expected = 0;
        for (int r = 0; r < p; ++r) expected += input(r, i);
        if (!(std::fabs(x[i] - expected) <= 0)) return false;
    }
    return true;
}

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank, p, failed = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &p);
    for (int n : {1, 3, 10, 1000, 4099}) {
        std::vector<float> x(n);
        for (int i = 0; i < n; ++i) x[i] = input(rank, i);
        ring_all_reduce(x, rank, p);
        int wrong = !is_right(x, p), ranks = 0;
        MPI_Allreduce(&wrong, &ranks, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        failed |= ranks > 0;
        if (rank == 0 && ranks == 0)
            std::printf("n = %4d: right on all %d ranks\n", n, p);
        if (rank == 0 && ranks > 0)
            std::fprintf(stderr, "n = %d: wrong on %d of %d ranks\n", n, ranks, p);
    }
    MPI_Finalize();
    return failed;
}
