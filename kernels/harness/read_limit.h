// The bound of operations that read much and write little: a kernel that reads in[0], 16 bytes
// a load, and keeps one word a warp.
//
// The word is the XOR of all words read, so that no element can be left out unseen: every
// element of the output must be the XOR of the whole input. What combines the words comes
// after the timed part.
#pragma once

#include <cstring>

#include "operation.h"

namespace harness {

constexpr int READ_BLOCK = 1024, READ_WARPS = READ_BLOCK / 32, READ_LOADS = 4;

// `words`: one a warp. Two blocks fill an SM.
__global__ void __launch_bounds__(READ_BLOCK, 2)
read_kernel(const float* in, size_t n, unsigned* words) {
    const uint4* vectors = reinterpret_cast<const uint4*>(in);
    size_t tile = size_t(READ_LOADS) * READ_BLOCK;
    unsigned bits = 0;
    for (size_t i = blockIdx.x * tile + threadIdx.x; i < n / 4; i += gridDim.x * tile) {
        uint4 r[READ_LOADS] = {};
#pragma unroll
        for (int k = 0; k < READ_LOADS; k++)
            if (i + k * READ_BLOCK < n / 4) r[k] = vectors[i + k * READ_BLOCK];
#pragma unroll
        for (int k = 0; k < READ_LOADS; k++) bits ^= r[k].x ^ r[k].y ^ r[k].z ^ r[k].w;
    }
    if (blockIdx.x == 0 && threadIdx.x < n % 4)
        bits ^= __float_as_uint(in[n / 4 * 4 + threadIdx.x]);
    bits = __reduce_xor_sync(0xffffffff, bits);
    if (threadIdx.x % 32 == 0) words[blockIdx.x * READ_WARPS + threadIdx.x / 32] = bits;
}

__global__ void xor_words(const unsigned* words, size_t n, unsigned* all) {
    unsigned bits = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        bits ^= words[i];
    atomicXor(all, bits);
}

template <class T>
__global__ void spread_bits(const unsigned* all, T* out, size_t n) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        out[i] = T(*all >> 8);  // as many bits as any float holds
}

// Every element of `out` becomes the XOR of `words`.
template <class T>
void xor_into(const unsigned* words, size_t n, T* out, size_t size) {
    unsigned* all;
    CUDA_CHECK(cudaMalloc(&all, sizeof *all));
    CUDA_CHECK(cudaMemset(all, 0, sizeof *all));
    xor_words<<<512, 256>>>(words, n, all);
    spread_bits<<<256, 256>>>(all, out, size);
    CUDA_CHECK(cudaGetLastError());
    CUDA_CHECK(cudaFree(all));
}

// Reads in[0], whose base must be on 16 bytes. `output`: that of the operation.
inline Version<float> read_limit(const std::function<size_t(const Shape&)>& input,
                                 const std::function<size_t(const Shape&)>& output) {
    static unsigned* words = nullptr;
    auto blocks = [input](const Shape& shape) {
        size_t tile = 4 * size_t(READ_LOADS) * READ_BLOCK;
        return unsigned(std::min<size_t>(2 * size_t(attribute(cudaDevAttrMultiProcessorCount)),
                                         (input(shape) + tile - 1) / tile));
    };
    Version<float> version;
    version.name = "read";
    version.tolerance = exact;
    version.before = [blocks](const Run<float>& r) {
        CUDA_CHECK(cudaMalloc(&words, blocks(r.shape) * READ_WARPS * sizeof *words));
    };
    version.launch = [blocks, input](const Run<float>& r) {
        read_kernel<<<blocks(r.shape), READ_BLOCK>>>(r.in[0], input(r.shape), words);
    };
    version.after = [blocks, output](const Run<float>& r) {
        xor_into(words, blocks(r.shape) * READ_WARPS, r.out, output(r.shape));
        CUDA_CHECK(cudaFree(words));
    };
    version.reference = [output](const Case<float>& c) {
        unsigned all = 0, word;
        for (float x : c.in[0]) {
            std::memcpy(&word, &x, sizeof word);
            all ^= word;
        }
        return Doubles(output(c.shape), all >> 8);
    };
    version.gpu_reference = [input, output](const Run<float, double>& r) {
        xor_into(reinterpret_cast<const unsigned*>(r.in[0]), input(r.shape), r.out,
                 output(r.shape));
    };
    return version;
}

}  // namespace harness
