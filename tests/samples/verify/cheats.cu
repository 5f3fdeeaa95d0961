// Kernels that pretend to copy. tests/test_harness.py proves that the harness sees through
// each of them; `honest` must pass, or the harness would reject everything.
//
// -DLOOSE: a wide tolerance, not proven. -DWIDE: the same, proven. -DOVERCLAIM: more bytes than
// the copy moves.
#include <cuda_fp16.h>

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
    op.versions = {{"honest", honest, reference},
                   {"no-op", no_op, reference},
                   {"nan-output", nan_output, reference},
                   {"merges-max", merges_max, reference},
                   {"merges-min", merges_min, reference},
                   {"stale-buffer", stale_buffer, reference},
                   {"failing-launch", failing_launch, reference},
                   {"off-by-one", off_by_one, reference},
                   {"writes-input", writes_input, reference},
                   {"powers-of-two", powers_of_two, reference},
                   {"through-half", through_half, reference},
                   {"unsteady", unsteady, reference},
                   {"other-stream", other_stream, reference}};
    op.limits = {{"copy", honest, reference}};
    op.checked = harness::boundary_shapes(1, 256);
    op.timed = {{1 << 26}};
    return harness::main(op, argc, argv);
}
