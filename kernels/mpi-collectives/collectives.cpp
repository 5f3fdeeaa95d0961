/*
Five collectives on four ranks: what each rank has before and after. Rank 0 gathers all buffers
and prints the three that a card asks for; every rank checks its own against the definition.

mpicxx -O2 -std=c++17 collectives.cpp -o collectives && mpirun --oversubscribe -n 4 ./collectives
*/
#include <mpi.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

using Four = std::array<int, 4>;
constexpr int kRanks = 4;

// A collective that some rank does not join never ends: give up, so that it can be seen.
void give_up(int) {
    const char text[] = "hang: a rank waits in a collective that another has left out\n";
    (void)!write(2, text, sizeof text - 1);
    _exit(1);
}

// What rank r holds at first: 10 r, 10 r + 1, ...
Four start(int r) {
    return {10 * r, 10 * r + 1, 10 * r + 2, 10 * r + 3};
}

Four bcast(Four x) {  // everyone gets root's x
    MPI_Bcast(x.data(), 4, MPI_INT, 0, MPI_COMM_WORLD);
    return x;
}

Four allreduce(const Four& x) {  // everyone gets the sums
    Four y;
    MPI_Allreduce(x.data(), y.data(), 4, MPI_INT, MPI_SUM,
                  MPI_COMM_WORLD);
    return y;
}

// ANCHOR: calls
Four scatter(const Four& x) {  // rank r gets root's x[r]
    Four y = {-1, -1, -1, -1};
    MPI_Scatter(x.data(), 1, MPI_INT, y.data(), 1, MPI_INT, 0,
                MPI_COMM_WORLD);
    return y;
}

Four allgather(const Four& x) {  // everyone gets every x[0]
    Four y;
    MPI_Allgather(x.data(), 1, MPI_INT, y.data(), 1, MPI_INT,
                  MPI_COMM_WORLD);
    return y;
}

Four alltoall(const Four& x) {  // rank r gets every x[r]
    Four y;
    MPI_Alltoall(x.data(), 1, MPI_INT, y.data(), 1, MPI_INT,
                 MPI_COMM_WORLD);
    return y;
}
// ANCHOR_END: calls

// ANCHOR: log
// The sum over all ranks, for rank 0 to report.
int total_of(int mine, int rank) {
    int total = 0;
    MPI_Reduce(&mine, &total, 1, MPI_INT, MPI_SUM, 0,
               MPI_COMM_WORLD);
    return rank == 0 ? total : mine;
}
// ANCHOR_END: log

// The definitions, without communication.
Four expected(int which, int r) {
    Four y = {-1, -1, -1, -1};
    for (int i = 0; i < kRanks; ++i) {
        if (which == 0) y[i] = start(0)[i];
        if (which == 1 && i == 0) y[0] = start(0)[r];
        if (which == 2) y[i] = start(i)[0];
        if (which == 3) {
            y[i] = 0;
            for (int q = 0; q < kRanks; ++q) y[i] += start(q)[i];
        }
        if (which == 4) y[i] = start(i)[r];
    }
    return y;
}

void print(const char* name, const std::array<Four, kRanks>& all) {
    std::printf("%s\n", name);
    for (int r = 0; r < kRanks; ++r) {
        std::printf(" %d:", r);
        for (int v : all[r]) v < 0 ? std::printf("  .") : std::printf(" %2d", v);
        std::printf("\n");
    }
}

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank, p;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &p);
    if (p != kRanks) return std::fprintf(stderr, "needs 4 ranks\n"), MPI_Abort(MPI_COMM_WORLD, 1);
    std::signal(SIGALRM, give_up);
    alarm(20);
    const char* names[] = {"bcast", "scatter", "allgather", "allreduce", "alltoall"};
    Four x = start(rank);
    Four got[] = {bcast(x), scatter(x), allgather(x), allreduce(x), alltoall(x)};
    int wrong = 0;
    for (int which = 0; which < 5; ++which) {
        wrong += got[which] != expected(which, rank);
        std::array<Four, kRanks> all;
        MPI_Gather(got[which].data(), 4, MPI_INT, all.data(), 4, MPI_INT, 0, MPI_COMM_WORLD);
        if (rank == 0 && which != 0 && which != 3) print(names[which], all);
    }
    int failed = total_of(wrong, rank) + (total_of(rank + 1, rank) != (rank == 0 ? 10 : rank + 1));
    MPI_Bcast(&failed, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (!failed && rank == 0) std::printf("bcast, allreduce: right on all 4 ranks\n");
    if (failed && rank == 0) std::fprintf(stderr, "%d results are wrong\n", failed);
    MPI_Finalize();
    return failed != 0;
}
