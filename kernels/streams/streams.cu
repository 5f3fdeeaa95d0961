/*
From one stream to several: y = f(x) for n floats that lie in host memory.

nvcc -O3 -std=c++17 -lineinfo -arch=native streams.cu -o streams && ./streams

Copy in, compute, copy out: three engines that can work at the same time, each a third of
the time if nobody lets them. The bound is the slowest of the three, and of the two copies at
the same time. The kernel sums a long series, so that it takes about as long as a copy.
Each version removes one cost:

pageable  one copy, one kernel, one copy; the host's pages can move, so the driver copies twice
pinned    page-locked host memory: the copy engine reads and writes it itself
chunks    the vector in pieces, each in one of a few streams: the engines work at the same time
engines   a stream an engine, ordered by events: no piece waits for the end of an older one
graph     the same work as a CUDA graph: one launch instead of hundreds of calls
*/
#include "../harness/harness.h"

#include <cmath>
#include <map>

#ifndef PIECES
#define PIECES 64
#endif
#ifndef NSTREAMS
#define NSTREAMS 4
#endif
#ifndef NTERMS
#define NTERMS 1500
#endif

constexpr int TERMS = NTERMS;
constexpr int CHUNKS = PIECES;
constexpr int STREAMS = NSTREAMS;
constexpr int BLOCK = 256;

// ----------------------------------------------------------------------------
// Reference, from the definition: the sum of (x / 2)^k over k < TERMS

using Case = harness::Case<float>;
using Run = harness::Run<float>;

// A geometric series: the powers that are left out are less than 2^-1499. An infinity goes the
// way of the highest power, an odd one.
static_assert(TERMS > 64 && TERMS % 2 == 0);

std::vector<double> series_reference(const Case& c) {
    std::vector<double> y;
    for (double x : c.in[0]) y.push_back(std::isinf(x) ? x : 1 / (1 - x / 2));
    return y;
}

std::vector<double> copy_reference(const Case& c) {
    return std::vector<double>(c.in[0].begin(), c.in[0].end());
}

// ----------------------------------------------------------------------------
// The work

constexpr int ceil_div(int a, int b) { return (a - 1) / b + 1; }  // a > 0

// ANCHOR: job
struct Job {
    int n;
    const float* x;   // host
    float* y;         // host
    float *dx, *dy;   // device
};

// y = 1 + h + h² + … with h = x / 2: TERMS of them
__global__ void series(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float h = x[i] / 2, sum = 1;
    for (int k = 1; k < TERMS; k++) sum = sum * h + 1;
    y[i] = sum;
}
// ANCHOR_END: job

cudaStream_t new_stream() {
    cudaStream_t stream;
    CUDA_CHECK(cudaStreamCreate(&stream));
    return stream;
}

cudaEvent_t new_event() {
    cudaEvent_t event;
    CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    return event;
}

template <class Make>
auto several(int count, Make make) {
    std::vector<decltype(make())> made;
    for (int i = 0; i < count; i++) made.push_back(make());
    return made;
}

// ANCHOR: pageable
float* pageable_memory(int n) { return new float[n]; }

void pageable(const Job& j) {
    auto bytes = j.n * sizeof(float);
    CUDA_CHECK(cudaMemcpy(j.dx, j.x, bytes,
                          cudaMemcpyHostToDevice));
    series<<<ceil_div(j.n, BLOCK), BLOCK>>>(j.dx, j.dy, j.n);
    CUDA_CHECK(cudaGetLastError());
    CUDA_CHECK(cudaMemcpy(j.y, j.dy, bytes,
                          cudaMemcpyDeviceToHost));
}
// ANCHOR_END: pageable

// ANCHOR: pinned
float* pinned_memory(int n) {  // page-locked
    float* p;
    CUDA_CHECK(cudaMallocHost(&p, n * sizeof(float)));
    return p;
}

void pinned(const Job& j) {
    static cudaStream_t s = new_stream();
    auto bytes = j.n * sizeof(float);
    CUDA_CHECK(cudaMemcpyAsync(j.dx, j.x, bytes,
                               cudaMemcpyHostToDevice, s));
    series<<<ceil_div(j.n, BLOCK), BLOCK, 0, s>>>(j.dx, j.dy,
                                                  j.n);
    CUDA_CHECK(cudaGetLastError());
    CUDA_CHECK(cudaMemcpyAsync(j.y, j.dy, bytes,
                               cudaMemcpyDeviceToHost, s));
}
// ANCHOR_END: pinned

// ANCHOR: chunks
float* chunks_memory(int n) {
    float* p;
    CUDA_CHECK(cudaMallocHost(&p, n * sizeof(float)));
    return p;
}

void chunks(const Job& j) {
    static auto streams = several(STREAMS, new_stream);
    int chunk = ceil_div(j.n, CHUNKS);
    for (int i = 0; i < j.n; i += chunk) {
        int n = std::min(chunk, j.n - i);  // the last: less
        auto bytes = n * sizeof(float);
        cudaStream_t s = streams[i / chunk % STREAMS];
        CUDA_CHECK(cudaMemcpyAsync(j.dx + i, j.x + i, bytes,
                                   cudaMemcpyHostToDevice, s));
        series<<<ceil_div(n, BLOCK), BLOCK, 0, s>>>(
            j.dx + i, j.dy + i, n);
        CUDA_CHECK(cudaGetLastError());
        CUDA_CHECK(cudaMemcpyAsync(j.y + i, j.dy + i, bytes,
                                   cudaMemcpyDeviceToHost, s));
    }
}
// ANCHOR_END: chunks

// ANCHOR: engines
struct Engines {
    cudaStream_t in = new_stream(), compute = new_stream(),
                 out = new_stream();
    std::vector<cudaEvent_t> copied = several(CHUNKS, new_event),
                             ready = several(CHUNKS, new_event);
};

void engines(const Job& j, const Engines& e) {
    int chunk = ceil_div(j.n, CHUNKS);
    for (int i = 0; i < j.n; i += chunk) {
        int n = std::min(chunk, j.n - i), c = i / chunk;
        auto bytes = n * sizeof(float);
        CUDA_CHECK(cudaMemcpyAsync(j.dx + i, j.x + i, bytes,
                                   cudaMemcpyHostToDevice, e.in));
        CUDA_CHECK(cudaEventRecord(e.copied[c], e.in));
        CUDA_CHECK(cudaStreamWaitEvent(e.compute, e.copied[c]));
        series<<<ceil_div(n, BLOCK), BLOCK, 0, e.compute>>>(
            j.dx + i, j.dy + i, n);
        CUDA_CHECK(cudaGetLastError());
        CUDA_CHECK(cudaEventRecord(e.ready[c], e.compute));
        CUDA_CHECK(cudaStreamWaitEvent(e.out, e.ready[c]));
        CUDA_CHECK(cudaMemcpyAsync(j.y + i, j.dy + i, bytes,
                                   cudaMemcpyDeviceToHost, e.out));
    }
}
// ANCHOR_END: engines

// ANCHOR: graph
// Once: the calls of `engines` are recorded, not carried out.
cudaGraphExec_t record(const Job& j, const Engines& e) {
    cudaGraph_t graph;
    cudaGraphExec_t made;
    cudaEvent_t end = new_event();
    CUDA_CHECK(cudaStreamBeginCapture(
        e.in, cudaStreamCaptureModeThreadLocal));
    engines(j, e);  // events draw the other streams in
    CUDA_CHECK(cudaEventRecord(end, e.out));
    CUDA_CHECK(cudaStreamWaitEvent(e.in, end));  // and back
    CUDA_CHECK(cudaStreamEndCapture(e.in, &graph));
    CUDA_CHECK(cudaGraphInstantiate(&made, graph));
    CUDA_CHECK(cudaGraphDestroy(graph));
    CUDA_CHECK(cudaEventDestroy(end));
    return made;
}

// Again and again: one call.
void graph(cudaGraphExec_t made, cudaStream_t s) {
    CUDA_CHECK(cudaGraphLaunch(made, s));
}
// ANCHOR_END: graph

// ----------------------------------------------------------------------------
// Host and device memory for a run, made before it and kept

using Memory = float* (*)(int n);

class Buffers {
public:
    explicit Buffers(Memory host) : host(host) {}

    // What a run finds: x on the host alone; everything else holds the output's poison.
    const Job& fill(const Run& r) {
        int n = r.shape[0];
        size_t bytes = n * sizeof(float);
        if (n != job.n) resize(n);
        CUDA_CHECK(cudaMemcpy(const_cast<float*>(job.x), r.in[0], bytes, cudaMemcpyDeviceToHost));
        CUDA_CHECK(cudaMemcpy(job.y, r.out, bytes, cudaMemcpyDeviceToHost));
        for (float* p : {job.dx, job.dy})
            CUDA_CHECK(cudaMemcpy(p, r.out, bytes, cudaMemcpyDeviceToDevice));
        return job;
    }

    const Job& current() const { return job; }

private:
    void resize(int n) {
        if (n > room) {  // the smaller ones are not given back
            job.x = host(n);
            job.y = host(n);
            room = n;
        }
        for (float** p : {&job.dx, &job.dy}) {
            CUDA_CHECK(cudaFree(*p));
            CUDA_CHECK(cudaMalloc(p, n * sizeof(float)));
        }
        job.n = n;
    }

    Memory host;
    int room = 0;
    Job job = {};
};

Buffers& buffers(Memory host) {
    static std::map<Memory, Buffers> all;
    return all.try_emplace(host, host).first->second;
}

template <Memory host>
void before(const Run& r) {
    buffers(host).fill(r);
}

template <Memory host>
void after(const Run& r) {
    CUDA_CHECK(cudaMemcpy(r.out, buffers(host).current().y,
                          harness::elements(r.shape) * sizeof(float), cudaMemcpyHostToDevice));
}

template <Memory host, void (*run)(const Job&)>
void call(const Run&) {
    run(buffers(host).current());
}

const Engines& shared_engines() {
    static Engines engines;
    return engines;
}

void call_engines(const Run&) {
    engines(buffers(pinned_memory).current(), shared_engines());
}

cudaGraphExec_t recorded = nullptr;

void before_graph(const Run& r) {
    static int n = 0;
    const Job& job = buffers(pinned_memory).fill(r);
    if (n == job.n) return;
    if (recorded) CUDA_CHECK(cudaGraphExecDestroy(recorded));
    recorded = record(job, shared_engines());
    n = job.n;
}

void call_graph(const Run&) { graph(recorded, shared_engines().in); }

// ----------------------------------------------------------------------------
// The bounds: each engine alone, and both copies at once

void before_limit(const Run& r) {  // x and dx hold the input, y and dy do not
    const Job& j = buffers(pinned_memory).fill(r);
    CUDA_CHECK(cudaMemcpy(j.dx, r.in[0], j.n * sizeof(float), cudaMemcpyDeviceToDevice));
}

template <bool from_host>  // from y, else from dy
void after_limit(const Run& r) {
    const Job& j = buffers(pinned_memory).current();
    CUDA_CHECK(cudaMemcpy(r.out, from_host ? j.y : j.dy, j.n * sizeof(float), cudaMemcpyDefault));
}

void copy_in(const Run& r) {
    const Job& j = buffers(pinned_memory).current();
    CUDA_CHECK(cudaMemcpyAsync(j.dy, j.x, j.n * sizeof(float), cudaMemcpyHostToDevice,
                               shared_engines().in));
}

void copy_out(const Run& r) {
    const Job& j = buffers(pinned_memory).current();
    CUDA_CHECK(cudaMemcpyAsync(j.y, j.dx, j.n * sizeof(float), cudaMemcpyDeviceToHost,
                               shared_engines().out));
}

void copy_both(const Run& r) {
    copy_in(r);
    copy_out(r);
}

void compute(const Run&) {
    const Job& j = buffers(pinned_memory).current();
    series<<<ceil_div(j.n, BLOCK), BLOCK>>>(j.dx, j.dy, j.n);
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

harness::Version<float> version(const char* name, void (*launch)(const Run&),
                                void (*before)(const Run&), void (*after)(const Run&)) {
    harness::Version<float> v;
    v.name = name;
    v.launch = launch;
    v.before = before;
    v.after = after;
    return v;
}

harness::Version<float> limit(const char* name, void (*launch)(const Run&),
                              void (*after)(const Run&)) {
    harness::Version<float> v = version(name, launch, before_limit, after);
    if (launch != compute) {
        v.reference = copy_reference;
        v.arithmetic = 0;
    }
    return v;
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "streams";
    op.inputs = {harness::elements};
    op.output = harness::elements;
    op.bytes = [](const harness::Shape& s) { return 2.0 * harness::elements(s) * sizeof(float); };
    op.flops = [](const harness::Shape& s) { return 2.0 * TERMS * harness::elements(s); };
    op.tolerance = [](const harness::Shape&) { return 0x1p-20; };  // y < 2
    op.reference = series_reference;
    op.bound = harness::Bound::Slowest;
    op.limits = {limit("copy in", copy_in, after_limit<false>),
                 limit("kernel", compute, after_limit<false>),
                 limit("copy out", copy_out, after_limit<true>),
                 limit("both copies", copy_both, after_limit<true>)};
    op.versions = {
        version("pageable", call<pageable_memory, pageable>, before<pageable_memory>,
                after<pageable_memory>),
        version("pinned", call<pinned_memory, pinned>, before<pinned_memory>,
                after<pinned_memory>),
        version("chunks", call<chunks_memory, chunks>, before<chunks_memory>,
                after<chunks_memory>),
        version("engines", call_engines, before<pinned_memory>, after<pinned_memory>),
        version("graph", call_graph, before_graph, after<pinned_memory>)};
    op.checked = {{1}, {2}, {63}, {64}, {65}, {1000}, {4099}, {(1 << 23) + 5}};
    op.timed = {{1 << 27}};
    return harness::main(op, argc, argv);
}
