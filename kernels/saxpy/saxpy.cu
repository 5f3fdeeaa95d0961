/*
SAXPY: out = a·x + y, n floats, any n. Out of place, so that a run can be repeated.

nvcc -O3 -std=c++17 -lineinfo -arch=native saxpy.cu -o saxpy && ./saxpy

Two FLOP for 12 bytes: the bound is the memory. Each version removes one cost:

scalar   one thread an element: a block's start-up is paid for 256 elements only
stride   a grid that just fills the GPU walks over the elements: any n, no more start-ups
vector   16-byte accesses: a quarter of the instructions, more bytes in flight a thread
flat     a thread for each float4 again: a free SM takes the next block, none waits for a slow one
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

constexpr int BLOCK = 256;

int ceil_div(int a, int b) { return (a - 1) / b + 1; }  // a > 0

bool on_16_bytes(const void* p) { return size_t(p) % 16 == 0; }

// As many blocks as the GPU holds at the same time.
int resident_blocks() {
    return harness::attribute(cudaDevAttrMultiProcessorCount) *
           (harness::attribute(cudaDevAttrMaxThreadsPerMultiProcessor) / BLOCK);
}

// ANCHOR: scalar
__global__ void scalar_kernel(int n, float a, const float* x,
                              const float* y, float* out) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = a * x[i] + y[i];
}
// ANCHOR_END: scalar

// ANCHOR: scalar-launch
void scalar(int n, float a, const float* x, const float* y,
            float* out) {
    scalar_kernel<<<ceil_div(n, BLOCK), BLOCK>>>(n, a, x, y,
                                                 out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: scalar-launch

// ANCHOR: stride
__global__ void stride_kernel(int n, float a, const float* x,
                              const float* y, float* out) {
    int first = blockIdx.x * blockDim.x + threadIdx.x;
    int step = gridDim.x * blockDim.x;
    for (int i = first; i < n; i += step)
        out[i] = a * x[i] + y[i];
}
// ANCHOR_END: stride

// ANCHOR: stride-launch
void stride(int n, float a, const float* x, const float* y,
            float* out) {
    int blocks = std::min(ceil_div(n, BLOCK), resident_blocks());
    stride_kernel<<<blocks, BLOCK>>>(n, a, x, y, out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: stride-launch

// ANCHOR: vector
__global__ void vector_kernel(int n, float a,
                              const float* __restrict__ x,
                              const float* __restrict__ y,
                              float* __restrict__ out) {
    int first = blockIdx.x * blockDim.x + threadIdx.x;
    int step = gridDim.x * blockDim.x;
    int vectors = n / 4;
    for (int v = first; v < vectors; v += step) {
        float4 p = ((const float4*)x)[v];
        float4 q = ((const float4*)y)[v];
        ((float4*)out)[v] = {a * p.x + q.x, a * p.y + q.y,
                             a * p.z + q.z, a * p.w + q.w};
    }
    int i = n - 1 - first;  // up to 3 at the end are left
    if (i >= 4 * vectors) out[i] = a * x[i] + y[i];
}

void vector(int n, float a, const float* x, const float* y,
            float* out) {
    bool aligned = on_16_bytes(x) && on_16_bytes(y) &&
                   on_16_bytes(out);
    if (!aligned) return stride(n, a, x, y, out);
    int blocks = std::min(ceil_div(n, 4 * BLOCK),
                          resident_blocks());
    vector_kernel<<<blocks, BLOCK>>>(n, a, x, y, out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector

// ANCHOR: flat
// A thread for each float4: the kernel's loop ends after one
// round, and an SM that is done gets the next block.
void flat(int n, float a, const float* x, const float* y,
          float* out) {
    bool aligned = on_16_bytes(x) && on_16_bytes(y) &&
                   on_16_bytes(out);
    if (!aligned) return scalar(n, a, x, y, out);
    int blocks = ceil_div(n, 4 * BLOCK);
    vector_kernel<<<blocks, BLOCK>>>(n, a, x, y, out);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: flat

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

template <void (*launch)(int, float, const float*, const float*, float*)>
void call(const Run& r) {
    launch(r.shape[0], A, r.in[0], r.in[1], r.out);
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
    op.versions = {{"scalar", call<scalar>},
                   {"stride", call<stride>},
                   {"vector", call<vector>},
                   {"flat", call<flat>}};
    op.checked = {{1}, {3}, {4}, {255}, {256}, {257}, {1022}, {1027}, {270337}, {1100003}};
    op.timed = {{1 << 27}, {(1 << 27) - 5}};
    return harness::main(op, argc, argv);
}
