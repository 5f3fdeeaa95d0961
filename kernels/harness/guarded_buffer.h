// Device memory with a guard band before and after it.
//
//   | band | offset | n elements | band |
//
// A band is NaN in every float format: a kernel that reads it computes NaN, one that writes
// it is found by counting the bytes that changed. Inputs and outputs have different NaNs,
// or copying one element too many would copy a band onto its like. `offset` elements push
// the data off the 256-byte boundary that cudaMalloc always returns.
#pragma once

#include <algorithm>
#include <vector>

#include "cuda_check.h"

namespace harness {

constexpr size_t BAND = 64 * 1024;  // bytes: more than a tile's worth of rows

// A grid for the grid-stride loops of this harness.
inline unsigned blocks_for(size_t n) { return unsigned(std::min<size_t>(1024, n / 256 + 1)); }

// 0xFFFF or 0x7FFF, over and over: NaN as half, bfloat16, float and double.
enum class Band : unsigned char { Input = 0xFF, Output = 0x7F };

__device__ inline unsigned char band_byte(size_t i, Band band) {
    return i % 2 ? (unsigned char)band : 0xFF;
}

__global__ void fill_band(unsigned char* p, size_t n, Band band) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        p[i] = band_byte(i, band);
}

__global__ void count_changed(const unsigned char* p, size_t n, Band band,
                              unsigned long long* changed) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        if (p[i] != band_byte(i, band)) atomicAdd(changed, 1ull);
}

// Sum over 4-byte words of mix(position, word): the order of the atomics does not matter.
__global__ void hash_words(const unsigned* p, size_t n, unsigned long long* hash) {
    unsigned long long sum = 0;
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x) {
        unsigned long long x = (i + 1) * 0x9E3779B97F4A7C15ull ^ p[i];
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
        sum += x ^ (x >> 27);
    }
    atomicAdd(hash, sum);
}

template <class T>
__global__ void fill(T* p, size_t n, T value) {
    for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
         i += size_t(gridDim.x) * blockDim.x)
        p[i] = value;
}

// One 8-byte result of a checking kernel. The functions below keep theirs: an allocation costs
// more than what it counts.
class Counter {
public:
    Counter() { CUDA_CHECK(cudaMalloc(&device, sizeof *device)); }
    ~Counter() { cudaFree(device); }
    Counter(const Counter&) = delete;
    unsigned long long* zeroed() {
        CUDA_CHECK(cudaMemset(device, 0, sizeof *device));
        return device;
    }
    unsigned long long value() const {
        unsigned long long host;
        CUDA_CHECK(cudaMemcpy(&host, device, sizeof host, cudaMemcpyDeviceToHost));
        return host;
    }

private:
    unsigned long long* device = nullptr;
};

template <class T>
class GuardedBuffer {
public:
    // Without bands the allocation ends with the last element, so that compute-sanitizer
    // sees the first byte beyond it.
    GuardedBuffer(size_t n, size_t offset, bool bands, Band band)
        : n(n), front((bands ? BAND : 0) + offset * sizeof(T)), back(bands ? BAND : 0),
          band(band) {
        CUDA_CHECK(cudaMalloc(&base, front + n * sizeof(T) + back));
        if (front) fill_band<<<64, 256>>>(base, front, band);
        if (back) fill_band<<<64, 256>>>(base + front + n * sizeof(T), back, band);
        CUDA_CHECK(cudaGetLastError());
    }
    ~GuardedBuffer() { cudaFree(base); }
    GuardedBuffer(const GuardedBuffer&) = delete;

    T* data() const { return reinterpret_cast<T*>(base + front); }
    size_t size() const { return n; }

    void upload(const std::vector<T>& host) {
        CUDA_CHECK(cudaMemcpy(data(), host.data(), n * sizeof(T), cudaMemcpyHostToDevice));
    }
    std::vector<T> download() const {
        std::vector<T> host(n);
        CUDA_CHECK(cudaMemcpy(host.data(), data(), n * sizeof(T), cudaMemcpyDeviceToHost));
        return host;
    }
    void set(size_t i, T value) {
        CUDA_CHECK(cudaMemcpy(data() + i, &value, sizeof value, cudaMemcpyHostToDevice));
    }
    void poison_with_nan() { CUDA_CHECK(cudaMemset(data(), 0xFF, n * sizeof(T))); }
    void poison_with(T value) {
        fill<<<blocks_for(n), 256>>>(data(), n, value);
        CUDA_CHECK(cudaGetLastError());
    }

    // Bytes of the two bands that somebody wrote to.
    unsigned long long band_writes() const {
        static Counter changed;
        unsigned long long* count = changed.zeroed();
        if (front) count_changed<<<64, 256>>>(base, front, band, count);
        if (back)
            count_changed<<<64, 256>>>(base + front + n * sizeof(T), back, band, count);
        CUDA_CHECK(cudaGetLastError());
        return changed.value();
    }

    // Of the data and the band before it: equal before and after means that nobody wrote.
    unsigned long long hash() const {
        size_t bytes = front + n * sizeof(T), words = bytes / 4;
        static Counter sum;
        hash_words<<<blocks_for(words), 256>>>(reinterpret_cast<const unsigned*>(base), words,
                                               sum.zeroed());
        CUDA_CHECK(cudaGetLastError());
        unsigned long long result = sum.value();
        unsigned char tail[4] = {};
        CUDA_CHECK(cudaMemcpy(tail, base + 4 * words, bytes % 4, cudaMemcpyDeviceToHost));
        for (unsigned char byte : tail) result = result * 257 + byte;
        return result;
    }

private:
    unsigned char* base = nullptr;
    size_t n, front, back;
    Band band;
};

}  // namespace harness
