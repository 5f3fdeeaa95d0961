// What does an empty kernel cost: alone, in a row, in a CUDA graph?
//
// nvcc -O3 -std=c++17 -arch=native launch.cu -o launch && ./launch
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                             \
    do {                                                        \
        cudaError_t status = (call);                            \
        if (status != cudaSuccess) {                            \
            fprintf(stderr, "%s: %s\n", #call,                  \
                    cudaGetErrorString(status));                \
            exit(1);                                            \
        }                                                       \
    } while (0)

// ANCHOR: launch
constexpr int COUNT = 1000;
__global__ void nothing() {}

void one_by_one(cudaStream_t s) {  // launch and wait, each time
    for (int i = 0; i < COUNT; ++i) {
        nothing<<<1, 32, 0, s>>>();
        CHECK(cudaStreamSynchronize(s));
    }
}

void in_a_row(cudaStream_t s) {  // launch all, then wait once
    for (int i = 0; i < COUNT; ++i) nothing<<<1, 32, 0, s>>>();
    CHECK(cudaStreamSynchronize(s));
}

void as_graph(cudaStream_t s, cudaGraphExec_t g) {
    CHECK(cudaGraphLaunch(g, s));  // COUNT nodes in a chain
    CHECK(cudaStreamSynchronize(s));
}
// ANCHOR_END: launch

constexpr int RUNS = 31;

// Median microseconds of one kernel.
template <class F>
double time_of(F&& work) {
    using clock = std::chrono::steady_clock;
    std::vector<double> seen;
    for (int run = 0; run < RUNS + 3; ++run) {
        auto start = clock::now();
        work();
        CHECK(cudaGetLastError());
        std::chrono::duration<double, std::micro> spent = clock::now() - start;
        if (run >= 3) seen.push_back(spent.count() / COUNT);
    }
    std::nth_element(seen.begin(), seen.begin() + RUNS / 2, seen.end());
    return seen[RUNS / 2];
}

int main() {
    cudaStream_t s;
    CHECK(cudaStreamCreate(&s));
    cudaGraph_t graph;
    cudaGraphExec_t g;
    CHECK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < COUNT; ++i) nothing<<<1, 32, 0, s>>>();
    CHECK(cudaStreamEndCapture(s, &graph));
    CHECK(cudaGraphInstantiate(&g, graph));
    double alone = time_of([&] { one_by_one(s); });
    double row = time_of([&] { in_a_row(s); });
    double in_graph = time_of([&] { as_graph(s, g); });
    printf("a kernel that does nothing\n");
    int about_alone = int(alone / 2) * 2, about_row = int(row / 2) * 2;
    printf("launch, wait, launch, ...  %d to %d us\n", about_alone, about_alone + 2);
    printf("launches in a row          %d to %d us\n", about_row, about_row + 2);
    printf("nodes of a CUDA graph      %.1f us\n", in_graph);
    CHECK(cudaGraphExecDestroy(g));
    CHECK(cudaGraphDestroy(graph));
    CHECK(cudaStreamDestroy(s));
}
