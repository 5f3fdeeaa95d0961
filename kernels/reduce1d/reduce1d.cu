/*
Sum of n floats, n ≥ 1.

nvcc -O3 -std=c++17 -lineinfo -arch=native reduce1d.cu -o reduce1d && ./reduce1d

One addition for 4 bytes: the bound is reading them. Each version removes one cost:

interleaved  a tree in shared memory; tid % (2 * stride) == 0: in every warp that still works,
             most lanes idle
strided      the first threads work, whole warps retire; but s[2 * stride * tid] conflicts
sequential   partners stride apart, neighbours side by side: no bank conflicts
first-add    adds two values while loading: no thread comes only to load
shuffle      a warp sums in registers: one barrier, one shared float a warp
grid-stride  as many blocks as the GPU holds; a thread adds many values before the tree
vector       16-byte loads, 8 in flight a thread, any base and length; a second launch of one
             block adds what the blocks have summed. The rest replace that launch:
atomic       every block adds its sum to the result: no order, so no fixed last bits
cooperative  grid.sync(): all blocks must be resident
last-block   the block that finishes last adds up: one launch, the same bits each time

interleaved to shuffle are launched on their own sums until one is left.
*/
#include <cooperative_groups.h>

#include <algorithm>
#include <cmath>

#include "../harness/harness.h"
#include "../harness/libraries/cub.h"
#include "../harness/read_limit.h"

constexpr int BLOCK = 256;
constexpr int WIDE = 512, LOADS = 8;  // from vector on: threads a block, loads in flight

// ----------------------------------------------------------------------------
// References, from the definition: the sum of all elements

using Case = harness::Case<float>;
using Run = harness::Run<float>;

std::vector<double> sum_reference(const Case& c) {
    double sum = 0;
    for (float x : c.in[0]) sum += x;
    return {sum};
}

__global__ void sum_reference_kernel(const float* in, double* out, size_t n) {
    double sum = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        sum += in[i];
    atomicAdd(out, sum);
}

void sum_gpu_reference(const harness::Run<float, double>& r) {
    CUDA_CHECK(cudaMemsetAsync(r.out, 0, sizeof *r.out));
    sum_reference_kernel<<<512, 256>>>(r.in[0], r.out, harness::elements(r.shape));
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: interleaved
// sums[b] is the sum of block b's BLOCK elements.
__global__ void interleaved_kernel(const float* in,
                                   float* sums, size_t n) {
    __shared__ float s[BLOCK];
    int tid = threadIdx.x;
    size_t i = size_t(blockIdx.x) * BLOCK + tid;
    s[tid] = i < n ? in[i] : 0;
    __syncthreads();
    for (int stride = 1; stride < BLOCK; stride *= 2) {
        if (tid % (2 * stride) == 0)
            s[tid] += s[tid + stride];
        __syncthreads();
    }
    if (tid == 0) sums[blockIdx.x] = s[0];
}
// ANCHOR_END: interleaved

// ANCHOR: strided
__global__ void strided_kernel(const float* in,
                               float* sums, size_t n) {
    __shared__ float s[BLOCK];
    int tid = threadIdx.x;
    size_t i = size_t(blockIdx.x) * BLOCK + tid;
    s[tid] = i < n ? in[i] : 0;
    __syncthreads();
    for (int stride = 1; stride < BLOCK; stride *= 2) {
        int k = 2 * stride * tid;
        if (k < BLOCK) s[k] += s[k + stride];
        __syncthreads();
    }
    if (tid == 0) sums[blockIdx.x] = s[0];
}
// ANCHOR_END: strided

// ANCHOR: sequential
__global__ void sequential_kernel(const float* in,
                                  float* sums, size_t n) {
    __shared__ float s[BLOCK];
    int tid = threadIdx.x;
    size_t i = size_t(blockIdx.x) * BLOCK + tid;
    s[tid] = i < n ? in[i] : 0;
    __syncthreads();
    for (int stride = BLOCK / 2; stride > 0; stride /= 2) {
        if (tid < stride) s[tid] += s[tid + stride];
        __syncthreads();
    }
    if (tid == 0) sums[blockIdx.x] = s[0];
}
// ANCHOR_END: sequential

// ANCHOR: first-add
// A block sums 2 * BLOCK elements.
__global__ void first_add_kernel(const float* in,
                                 float* sums, size_t n) {
    __shared__ float s[BLOCK];
    int tid = threadIdx.x;
    size_t i = size_t(blockIdx.x) * BLOCK * 2 + tid;
    float v = i < n ? in[i] : 0;
    if (i + BLOCK < n) v += in[i + BLOCK];
    s[tid] = v;
    __syncthreads();
    for (int stride = BLOCK / 2; stride > 0; stride /= 2) {
        if (tid < stride) s[tid] += s[tid + stride];
        __syncthreads();
    }
    if (tid == 0) sums[blockIdx.x] = s[0];
}
// ANCHOR_END: first-add

// ANCHOR: shuffle
// ANCHOR: block-sum
__device__ float warp_sum(float v) {
    for (int delta = 16; delta > 0; delta /= 2)
        v += __shfl_down_sync(0xffffffff, v, delta);
    return v;  // lane 0's is the sum
}

// Thread 0 gets the sum. The block consists of whole warps.
__device__ float block_sum(float v) {
    __shared__ float warps[32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_sum(v);
    if (lane == 0) warps[warp] = v;
    __syncthreads();
    if (warp == 0) {
        v = lane < blockDim.x / 32 ? warps[lane] : 0;
        v = warp_sum(v);
    }
    return v;
}
// ANCHOR_END: block-sum

__global__ void shuffle_kernel(const float* in, float* sums,
                               size_t n) {
    size_t i = size_t(blockIdx.x) * BLOCK * 2 + threadIdx.x;
    float v = i < n ? in[i] : 0;
    if (i + BLOCK < n) v += in[i + BLOCK];
    v = block_sum(v);
    if (threadIdx.x == 0) sums[blockIdx.x] = v;
}
// ANCHOR_END: shuffle

// ANCHOR: grid-stride
// For any number of blocks.
__global__ void grid_stride_kernel(const float* in, float* sums,
                                   size_t n) {
    size_t i = size_t(blockIdx.x) * BLOCK + threadIdx.x;
    size_t threads = size_t(gridDim.x) * BLOCK;
    float v = 0;
    for (; i < n; i += threads) v += in[i];
    v = block_sum(v);
    if (threadIdx.x == 0) sums[blockIdx.x] = v;
}
// ANCHOR_END: grid-stride

// ANCHOR: vector
__device__ void add(float4& sum, float4 x) {
    sum.x += x.x;
    sum.y += x.y;
    sum.z += x.z;
    sum.w += x.w;
}

// This thread's share. A 16-byte load needs an address on 16
// bytes: up to 3 floats before and after go one by one.
__device__ float thread_sum(const float* in, size_t n) {
    size_t head = min(n, -size_t(in) / 4 % 4);
    size_t vectors = (n - head) / 4, tile = WIDE * LOADS;
    const float4* v = (const float4*)(in + head);
    float4 sum = {};
    size_t i = blockIdx.x * tile + threadIdx.x;
    for (; i < vectors; i += gridDim.x * tile) {
        float4 r[LOADS] = {};
#pragma unroll
        for (int k = 0; k < LOADS; k++)  // all in flight
            if (i + k * WIDE < vectors) r[k] = v[i + k * WIDE];
#pragma unroll
        for (int k = 0; k < LOADS; k++) add(sum, r[k]);
    }
    float rest = 0;
    if (blockIdx.x == 0) {
        size_t tail = head + 4 * vectors + threadIdx.x;
        if (threadIdx.x < head) rest = in[threadIdx.x];
        if (tail < n) rest += in[tail];
    }
    return (sum.x + sum.y) + (sum.z + sum.w) + rest;
}

// 2 blocks an SM: 64 registers a thread, enough for LOADS.
__global__ void __launch_bounds__(WIDE, 2)
vector_kernel(const float* in, float* sums, size_t n) {
    float v = block_sum(thread_sum(in, n));
    if (threadIdx.x == 0) sums[blockIdx.x] = v;
}
// ANCHOR_END: vector

// ANCHOR: atomic
// *out is 0 before.
__global__ void __launch_bounds__(WIDE, 2)
atomic_kernel(const float* in, float* out, size_t n) {
    float v = block_sum(thread_sum(in, n));
    if (threadIdx.x == 0) atomicAdd(out, v);
}
// ANCHOR_END: atomic

// ANCHOR: cooperative
__global__ void __launch_bounds__(WIDE, 2)
cooperative_kernel(const float* in, float* out, size_t n,
                   float* sums) {
    float v = block_sum(thread_sum(in, n));
    if (threadIdx.x == 0) sums[blockIdx.x] = v;
    cooperative_groups::this_grid().sync();
    if (blockIdx.x > 0) return;
    v = 0;
    for (int b = threadIdx.x; b < gridDim.x; b += WIDE)
        v += sums[b];
    v = block_sum(v);
    if (threadIdx.x == 0) *out = v;
}
// ANCHOR_END: cooperative

// ANCHOR: last-block
__device__ unsigned arrived;  // 0 before and after

__global__ void __launch_bounds__(WIDE, 2)
last_block_kernel(const float* in, float* out, size_t n,
                  float* sums) {
    __shared__ bool last;
    float v = block_sum(thread_sum(in, n));
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = v;
        __threadfence();  // first the sum, then the count
        unsigned end = gridDim.x - 1;
        last = atomicInc(&arrived, end) == end;  // end → 0
    }
    __syncthreads();
    if (!last) return;
    v = 0;
    for (int b = threadIdx.x; b < gridDim.x; b += WIDE)
        v += __ldcg(sums + b);  // from L2, past L1
    v = block_sum(v);
    if (threadIdx.x == 0) *out = v;
}
// ANCHOR_END: last-block

// ----------------------------------------------------------------------------
// Launchers. `sums` has room for what all blocks of all passes sum.

size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

// ANCHOR: interleaved-launch
// Sums of sums of sums, until one is left.
void passes(void (*kernel)(const float*, float*, size_t),
            int per_block, const float* in, float* out,
            size_t n, float* sums) {
    size_t blocks;
    do {
        blocks = ceil_div(n, per_block);
        float* to = blocks == 1 ? out : sums;
        kernel<<<blocks, BLOCK>>>(in, to, n);
        CUDA_CHECK(cudaGetLastError());
        in = to;
        n = blocks;
        sums += blocks;
    } while (blocks > 1);
}

void interleaved(const float* in, float* out, size_t n,
                 float* sums) {
    passes(interleaved_kernel, BLOCK, in, out, n, sums);
}
// ANCHOR_END: interleaved-launch

// ANCHOR: strided-launch
void strided(const float* in, float* out, size_t n,
             float* sums) {
    passes(strided_kernel, BLOCK, in, out, n, sums);
}
// ANCHOR_END: strided-launch

// ANCHOR: sequential-launch
void sequential(const float* in, float* out, size_t n,
                float* sums) {
    passes(sequential_kernel, BLOCK, in, out, n, sums);
}
// ANCHOR_END: sequential-launch

// ANCHOR: first-add-launch
void first_add(const float* in, float* out, size_t n,
               float* sums) {
    passes(first_add_kernel, BLOCK * 2, in, out, n, sums);
}
// ANCHOR_END: first-add-launch

// ANCHOR: shuffle-launch
void shuffle(const float* in, float* out, size_t n,
             float* sums) {
    passes(shuffle_kernel, BLOCK * 2, in, out, n, sums);
}
// ANCHOR_END: shuffle-launch

// ANCHOR: full-grid
// As many blocks as the GPU holds at once, but no more than
// `most`, which have something to do.
template <class Kernel>
int full_grid(Kernel* kernel, int threads, size_t most) {
    int device, processors, resident;
    CUDA_CHECK(cudaGetDevice(&device));
    CUDA_CHECK(cudaDeviceGetAttribute(
        &processors, cudaDevAttrMultiProcessorCount, device));
    CUDA_CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &resident, kernel, threads, 0));
    return std::min(most, size_t(processors) * resident);
}
// ANCHOR_END: full-grid

// ANCHOR: grid-stride-launch
void grid_stride(const float* in, float* out, size_t n,
                 float* sums) {
    int blocks = full_grid(grid_stride_kernel, BLOCK,
                           ceil_div(n, BLOCK));
    grid_stride_kernel<<<blocks, BLOCK>>>(in, sums, n);
    grid_stride_kernel<<<1, BLOCK>>>(sums, out, blocks);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: grid-stride-launch

constexpr int TILE = WIDE * LOADS * 4;  // floats that a block has in flight

// ANCHOR: vector-launch
void vector(const float* in, float* out, size_t n,
            float* sums) {
    int blocks = full_grid(vector_kernel, WIDE,
                           ceil_div(n, TILE));
    vector_kernel<<<blocks, WIDE>>>(in, sums, n);
    vector_kernel<<<1, WIDE>>>(sums, out, blocks);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector-launch

// ANCHOR: atomic-launch
void atomic(const float* in, float* out, size_t n, float*) {
    int blocks = full_grid(atomic_kernel, WIDE,
                           ceil_div(n, TILE));
    CUDA_CHECK(cudaMemsetAsync(out, 0, sizeof *out));
    atomic_kernel<<<blocks, WIDE>>>(in, out, n);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: atomic-launch

// ANCHOR: cooperative-launch
void cooperative(const float* in, float* out, size_t n,
                 float* sums) {
    int blocks = full_grid(cooperative_kernel, WIDE,
                           ceil_div(n, TILE));
    void* arguments[] = {&in, &out, &n, &sums};
    CUDA_CHECK(cudaLaunchCooperativeKernel(
        cooperative_kernel, blocks, WIDE, arguments));
}
// ANCHOR_END: cooperative-launch

// ANCHOR: last-block-launch
void last_block(const float* in, float* out, size_t n,
                float* sums) {
    int blocks = full_grid(last_block_kernel, WIDE,
                           ceil_div(n, TILE));
    last_block_kernel<<<blocks, WIDE>>>(in, out, n, sums);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: last-block-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

float* workspace = nullptr;

// NaN, so that a sum that was never written, or is read too early, shows.
void allocate(const Run& r) {
    size_t n = harness::elements(r.shape), bytes = 0;
    do bytes += (n = ceil_div(n, BLOCK)) * sizeof(float);
    while (n > 1);
    CUDA_CHECK(cudaMalloc(&workspace, bytes));
    CUDA_CHECK(cudaMemset(workspace, 0xFF, bytes));
}

void release(const Run&) {
    CUDA_CHECK(cudaFree(workspace));
    workspace = nullptr;
}

using Launcher = void(const float*, float*, size_t, float*);

harness::Version<float> version(const std::string& name, Launcher* launch) {
    harness::Version<float> v;
    v.name = name;
    v.launch = [launch](const Run& r) {
        launch(r.in[0], r.out, harness::elements(r.shape), workspace);
    };
    v.before = allocate;
    v.after = release;
    return v;
}

// An addition with the result p rounds by at most u·|p|, u = 2^-24; a sum of k values from
// [-1, 1) is near √(k/3). Chains of m additions, then a tree, n values in all: independent
// roundings add up to at most u·√(n·(m/18 + log2(n)/9)), and eight times that never happens.
// Rounding the inputs to 10 bits moves the sum by 1e-4·√n: more, for n up to 2^30.
double rounding(double n, double m) {
    return 8 * std::pow(2, -24) * std::sqrt(n * (m / 18 + std::log2(n) / 9));
}

// At least 2^18 chains: 2^16 threads with four sums each.
double tolerance(const harness::Shape& shape) {
    double n = double(harness::elements(shape));
    return rounding(n, std::max(1.0, n / (1 << 18)));
}

// Atomics add the blocks' sums one after the other, up to 2048 of them.
double atomic_tolerance(const harness::Shape& shape) {
    return rounding(double(harness::elements(shape)), 2048);
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "reduce1d";
    op.inputs = {harness::elements};
    op.output = [](const harness::Shape&) { return size_t(1); };
    op.bytes = [](const harness::Shape& s) { return 4.0 * harness::elements(s); };
    op.tolerance = tolerance;
    op.reference = sum_reference;
    op.gpu_reference = sum_gpu_reference;
    op.versions = {version("interleaved", interleaved), version("strided", strided),
                   version("sequential", sequential),   version("first-add", first_add),
                   version("shuffle", shuffle),         version("grid-stride", grid_stride),
                   version("vector", vector),           version("atomic", atomic),
                   version("cooperative", cooperative), version("last-block", last_block)};
    op.versions[7].repeatable = false;
    op.versions[7].tolerance = atomic_tolerance;
    op.limits = {harness::read_limit(op.inputs[0], op.output)};
    op.baselines = harness::cub_sum();
    // One pass, two, three; the edges of warp, block and vector; many turns of every loop.
    for (int n : {1, 3, 31, 32, 33, 101, 255, 256, 257, 511, 512, 513, 4099, 65536, 65537,
                  131073, 262145, 6000007})
        op.checked.push_back({n});
    op.timed = {{1 << 28}, {(1 << 27) + 3}, {1 << 20}};
    return harness::main(op, argc, argv);
}
