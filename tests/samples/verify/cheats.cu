// Kernels that pretend to copy. tests/test_harness.py proves that the harness sees through
// each of them; `honest` must pass, or the harness would reject everything.
//
// -DLOOSE: a wide tolerance, not proven. -DWIDE: the same, proven. -DOVERCLAIM: more bytes than
// the copy moves. -DMIMIC: a reference on the GPU that makes the kernel's own mistake.
#include <cuda_fp16.h>
#include <unistd.h>

#include <map>

#include "../../../kernels/harness/harness.h"

using Run = harness::Run<float>;
using Case = harness::Case<float>;

int count(const Run& r) { return int(harness::elements(r.shape)); }
int blocks(int n) { return (n + 255) / 256; }

__global__ void copy(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = in[i];
}

void honest(const Run& r) { copy<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r)); }

void no_op(const Run&) {}

// Right but for one element, which is NaN: |NaN - x| > tolerance is false.
__global__ void nan_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = i == n / 2 ? nanf("") : in[i];
}
void nan_output(const Run& r) { nan_kernel<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r)); }

// fmaxf and fminf pass over a NaN: only a finite poison shows that the old output is used.
__global__ void fmax_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = fmaxf(out[i], in[i]);
}
void merges_max(const Run& r) { fmax_kernel<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r)); }

__global__ void fmin_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = fminf(out[i], in[i]);
}
void merges_min(const Run& r) { fmin_kernel<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r)); }

// Works once for each buffer, then trusts what lies there.
void stale_buffer(const Run& r) {
    static std::map<float*, harness::Shape> done;
    if (done[r.out] == r.shape) return;
    done[r.out] = r.shape;
    honest(r);
}

// More shared memory than there is, and nobody asks whether the launch took place.
void failing_launch(const Run& r) {
    copy<<<blocks(count(r)), 256, 1 << 20>>>(r.in[0], r.out, count(r));
}

__global__ void off_by_one_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= n) out[i] = in[i];
}
void off_by_one(const Run& r) {
    off_by_one_kernel<<<blocks(count(r) + 1), 256>>>(r.in[0], r.out, count(r));
}

__global__ void input_kernel(float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = in[i];
    if (i == 0) in[0] = 0;
}
void writes_input(const Run& r) {
    input_kernel<<<blocks(count(r)), 256>>>(const_cast<float*>(r.in[0]), r.out, count(r));
}

// Whole blocks only: right at every multiple of 256.
void powers_of_two(const Run& r) {
    if (count(r) >= 256) copy<<<count(r) / 256, 256>>>(r.in[0], r.out, count(r));
}

__global__ void half_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = __half2float(__float2half(in[i]));
}
void through_half(const Run& r) { half_kernel<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r)); }

// Different bits from run to run, each within the tolerance of a -DLOOSE build.
__global__ void unsteady_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = in[i] + (i == 0 ? (clock64() & 0xFFFF) * 1e-9f : 0);
}
void unsteady(const Run& r) {
    unsteady_kernel<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r));
}

// The work goes to a stream that the timed one does not wait for.
void other_stream(const Run& r) {
    static cudaStream_t side = nullptr;
    static cudaEvent_t now = nullptr;
    if (!side) {
        CUDA_CHECK(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
        CUDA_CHECK(cudaEventCreate(&now));
    }
    CUDA_CHECK(cudaEventRecord(now));
    CUDA_CHECK(cudaStreamWaitEvent(side, now));
    copy<<<blocks(count(r)), 256, 0, side>>>(r.in[0], r.out, count(r));
}

// The work is over before the timed stream has got to where it is timed from.
void over_before(const Run& r) {
    static cudaStream_t side = nullptr;
    if (!side) CUDA_CHECK(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
    copy<<<blocks(count(r)), 256, 0, side>>>(r.in[0], r.out, count(r));
    CUDA_CHECK(cudaStreamSynchronize(side));
}

// No cheat: the host thinks for longer than the device works, as in some libraries.
void slow_host(const Run& r) {
    usleep(200);
    honest(r);
}

// Keeps the first answer for each shape, and copies that from then on.
void cached_answer(const Run& r) {
    static std::map<harness::Shape, float*> answers;
    float*& answer = answers[r.shape];
    size_t bytes = count(r) * sizeof(float);
    if (!answer) {
        CUDA_CHECK(cudaMalloc(&answer, bytes));
        CUDA_CHECK(cudaMemcpy(answer, r.in[0], bytes, cudaMemcpyDeviceToDevice));
    }
    CUDA_CHECK(cudaMemcpyAsync(r.out, answer, bytes, cudaMemcpyDeviceToDevice));
}

// Asks that its input stay in L2, so that the next call finds it there.
void persisted_l2(const Run& r) {
    cudaStreamAttrValue window = {};
    size_t bytes = count(r) * sizeof(float);
    window.accessPolicyWindow = {const_cast<float*>(r.in[0]), std::min<size_t>(bytes, 16 << 20),
                                 1.0f, cudaAccessPropertyPersisting, cudaAccessPropertyStreaming};
    CUDA_CHECK(cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, 16 << 20));
    CUDA_CHECK(cudaStreamSetAttribute(cudaStreamLegacy, cudaStreamAttributeAccessPolicyWindow,
                                      &window));
    honest(r);
}

// Mends what it should pass on.
__global__ void scrub_kernel(const float* in, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = fmaxf(in[i], -2.0f);
}
void scrubs_nan(const Run& r) { scrub_kernel<<<blocks(count(r)), 256>>>(r.in[0], r.out, count(r)); }

// Takes for granted that all blocks run at once: each looks whether the next has begun.
__global__ void in_step_kernel(const float* in, float* out, int n, int* begun) {
    if (threadIdx.x == 0) atomicExch(&begun[blockIdx.x], 1);
    for (long long start = clock64(); clock64() - start < 50000;) continue;
    int next = blockIdx.x + 1 < gridDim.x ? atomicAdd(&begun[blockIdx.x + 1], 0) : 1;
    for (int i = threadIdx.x * gridDim.x + blockIdx.x; i < n; i += gridDim.x * blockDim.x)
        out[i] = next ? in[i] : 0;
}
void in_step(const Run& r) {
    const int grid = 64, alone = 200 << 10;  // bytes: one block a multiprocessor
    static int* begun = nullptr;
    if (!begun) CUDA_CHECK(cudaMalloc(&begun, grid * sizeof(int)));
    CUDA_CHECK(cudaFuncSetAttribute(in_step_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    alone));
    CUDA_CHECK(cudaMemsetAsync(begun, 0, grid * sizeof(int)));
    in_step_kernel<<<grid, 256, alone>>>(r.in[0], r.out, count(r), begun);
}

// A reference copied from a kernel that is right for the first 256 elements alone.
__global__ void mimic_kernel(const float* in, double* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = in[i % 256];
}
void mimic(const harness::Run<float, double>& r) {
    int n = int(harness::elements(r.shape));
    mimic_kernel<<<blocks(n), 256>>>(r.in[0], r.out, n);
}

std::vector<double> reference(const Case& c) {
    return std::vector<double>(c.in[0].begin(), c.in[0].end());
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "cheats";
    op.inputs = {harness::elements};
    op.output = harness::elements;
    op.bytes = [](const harness::Shape& s) { return 8.0 * harness::elements(s); };
    op.tolerance = harness::exact;
#ifdef LOOSE
    op.tolerance = [](const harness::Shape&) { return 0.1; };
    op.lower_precision = {};
#endif
#ifdef WIDE
    op.tolerance = [](const harness::Shape&) { return 0.1; };
#endif
#ifdef OVERCLAIM
    op.bytes = [](const harness::Shape& s) { return 80.0 * harness::elements(s); };
#endif
    op.reference = reference;
#ifdef MIMIC
    op.gpu_reference = mimic;
#endif
    op.versions = {{"honest", honest},
                   {"no-op", no_op},
                   {"nan-output", nan_output},
                   {"merges-max", merges_max},
                   {"merges-min", merges_min},
                   {"stale-buffer", stale_buffer},
                   {"failing-launch", failing_launch},
                   {"off-by-one", off_by_one},
                   {"writes-input", writes_input},
                   {"powers-of-two", powers_of_two},
                   {"through-half", through_half},
                   {"unsteady", unsteady},
                   {"other-stream", other_stream},
                   {"over-before", over_before},
                   {"slow-host", slow_host},
                   {"cached-answer", cached_answer},
                   {"persisted-l2", persisted_l2},
                   {"scrubs-nan", scrubs_nan},
                   {"in-step", in_step}};
    op.limits = {{"copy", honest}};
    op.checked = harness::boundary_shapes(1, 256);
    op.timed = {{1 << 26}};
    return harness::main(op, argc, argv);
}
