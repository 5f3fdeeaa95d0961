/*
NAME: y[i] = 2 x[i] + 1, n floats. Put your operation here.

nvcc -O3 -std=c++17 -lineinfo -arch=native NAME.cu -o NAME && ./NAME

copy   the bound: reads and writes the same bytes
naive  one thread an element
*/
#include "../harness/harness.h"

// ----------------------------------------------------------------------------
// CPU reference, from the definition

using Case = harness::Case<float>;
using Run = harness::Run<float>;

std::vector<double> NAME_reference(const Case& c) {
    std::vector<double> y;
    for (float x : c.in[0]) y.push_back(2.0 * x + 1.0);
    return y;
}

std::vector<double> copy_reference(const Case& c) {
    return std::vector<double>(c.in[0].begin(), c.in[0].end());
}

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: copy
__global__ void copy_kernel(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
}
// ANCHOR_END: copy

// ANCHOR: naive
__global__ void naive_kernel(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i] + 1.0f;
}
// ANCHOR_END: naive

// ----------------------------------------------------------------------------
// Launchers

template <void (*kernel)(const float*, float*, int)>
void call(const Run& r) {
    int n = r.shape[0], threads = 256;
    kernel<<<(n + threads - 1) / threads, threads>>>(r.in[0], r.out, n);
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "NAME";
    op.inputs = {harness::elements};
    op.output = harness::elements;
    op.bytes = [](const harness::Shape& s) { return 2.0 * harness::elements(s) * sizeof(float); };
    // One rounding of a result below 4: half a unit in the last place is 2^-23.
    op.tolerance = [](const harness::Shape&) { return 0x1p-23; };
    op.limits = {{"copy kernel", call<copy_kernel>, copy_reference}};
    op.reference = NAME_reference;
    op.versions = {{"copy", call<copy_kernel>, copy_reference}, {"naive", call<naive_kernel>}};
    op.checked = harness::boundary_shapes(1, 256);
    op.timed = {{67108864}, {67108859}};
    return harness::main(op, argc, argv);
}
