/*
SAXPY: out = a·x + y, n floats, any n. Out of place, so that a run can be repeated.

nvcc -O3 -std=c++17 -lineinfo -arch=native saxpy.cu -o saxpy && ./saxpy

Two FLOP for 12 bytes: the bound is the memory. Each version removes one cost:

scalar   one thread an element: a block's start-up is paid for 256 elements only
stride   a grid that just fills the GPU walks over the elements: any n, no more start-ups
vector   16-byte accesses: a quarter of the instructions, more bytes in flight a thread
*/
#include "../harness/harness.h"

constexpr float A = 2.5f;

// ----------------------------------------------------------------------------
// CPU reference, from the definition

using Case = harness::Case<float>;
using Run = harness::Run<float>;

std::vector<double> saxpy_reference(const Case& c) {
    std::vector<double> out(c.in[0].size());
    for (size_t i = 0; i < out.size(); i++)
        out[i] = double(A) * c.in[0][i] + c.in[1][i];
    return out;
}

// ----------------------------------------------------------------------------
// GPU kernels and their launchers

size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

bool on_16_bytes(const void* p) { return size_t(p) % 16 == 0; }

// Blocks of `threads` threads that run at the same time.
int resident_blocks(int threads) {
    return harness::attribute(cudaDevAttrMultiProcessorCount) *
           (harness::attribute(cudaDevAttrMaxThreadsPerMultiProcessor) / threads);
}

// ANCHOR: scalar
__global__ void scalar_kernel(size_t n, float a, const float* x,
                              const float* y, float* out) {
    size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < n) out[i] = a * x[i] + y[i];
}
// ANCHOR_END: scalar

// ANCHOR: scalar-launch
void scalar(size_t n, float a, const float* x, const float* y,
            float* out) {
    scalar_kernel<<<ceil_div(n, 256), 256>>>(n, a, x, y, out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: scalar-launch

// ANCHOR: stride
__global__ void stride_kernel(size_t n, float a, const float* x,
                              const float* y, float* out) {
    size_t first = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
    size_t step = size_t(gridDim.x) * blockDim.x;
    for (size_t i = first; i < n; i += step)
        out[i] = a * x[i] + y[i];
}
// ANCHOR_END: stride

// ANCHOR: stride-launch
void stride(size_t n, float a, const float* x, const float* y,
            float* out) {
    size_t blocks = std::min<size_t>(ceil_div(n, 256),
                                     resident_blocks(256));
    stride_kernel<<<blocks, 256>>>(n, a, x, y, out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: stride-launch

// ANCHOR: vector
__global__ void vector_kernel(size_t n, float a,
                              const float* __restrict__ x,
                              const float* __restrict__ y,
                              float* __restrict__ out) {
    size_t first = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
    size_t step = size_t(gridDim.x) * blockDim.x;
    size_t vectors = n / 4;
    for (size_t v = first; v < vectors; v += step) {
        float4 p = ((const float4*)x)[v];
        float4 q = ((const float4*)y)[v];
        ((float4*)out)[v] = {a * p.x + q.x, a * p.y + q.y,
                             a * p.z + q.z, a * p.w + q.w};
    }
    size_t i = 4 * vectors + first;  // up to 3 are left
    if (i < n) out[i] = a * x[i] + y[i];
}

void vector(size_t n, float a, const float* x, const float* y,
            float* out) {
    bool aligned = on_16_bytes(x) && on_16_bytes(y) &&
                   on_16_bytes(out);
    if (!aligned) return stride(n, a, x, y, out);
    size_t blocks = std::min<size_t>(ceil_div(n, 4 * 256),
                                     resident_blocks(256));
    vector_kernel<<<blocks, 256>>>(n, a, x, y, out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

template <void (*launch)(size_t, float, const float*, const float*, float*)>
void call(const Run& r) {
    launch(harness::elements(r.shape), A, r.in[0], r.in[1], r.out);
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "saxpy";
    op.inputs = {harness::elements, harness::elements};
    op.output = harness::elements;
    op.bytes = [](const harness::Shape& s) { return 3.0 * harness::elements(s) * sizeof(float); };
    op.flops = [](const harness::Shape& s) { return 2.0 * harness::elements(s); };
    op.tolerance = [](const harness::Shape&) { return 0x1p-22; };  // |out| < 4, rounded twice
    op.reference = saxpy_reference;
    op.special = {0, 1};
    op.versions = {{"scalar", call<scalar>}, {"stride", call<stride>}, {"vector", call<vector>}};
    op.checked = {{1}, {3}, {4}, {255}, {256}, {257}, {1021}, {1027}, {270337}, {1100003}};
    op.timed = {{1 << 27}, {(1 << 27) - 5}};
    return harness::main(op, argc, argv);
}
