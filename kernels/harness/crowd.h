// A crowd: other blocks that hold most multiprocessors for a moment.
//
// A kernel started meanwhile gets few of them at first, so its blocks run in another order
// and in other company than alone. What it computes must not depend on that: blocks that
// race in global memory, which no sanitizer sees, often give themselves away here.
#pragma once

#include "device_clock.h"
#include "roofline.h"

namespace harness {

__global__ void occupy(unsigned long long nanoseconds) {
    unsigned long long begin = nanoseconds_now();
    while (nanoseconds_now() - begin < nanoseconds);
}

class Crowd {
public:
    Crowd() {
        // A block that takes all shared memory leaves room for no other beside it.
        shared = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
        CUDA_CHECK(cudaFuncSetAttribute(occupy, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        shared));
        CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    }
    ~Crowd() { cudaStreamDestroy(stream); }
    Crowd(const Crowd&) = delete;

    // Returns at once. It goes away by itself: a kernel may need every multiprocessor.
    void gather() const {
        int all = attribute(cudaDevAttrMultiProcessorCount), left = all / 16 + 1;
        if (all > left) occupy<<<all - left, 32, shared, stream>>>(300000);
        CUDA_CHECK(cudaGetLastError());
    }

private:
    int shared = 0;
    cudaStream_t stream = nullptr;
};

}  // namespace harness
