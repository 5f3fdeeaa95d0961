// What the chip allows: the time that so many bytes and operations take at the least.
#pragma once

#include <string>

#include "cuda_check.h"

namespace harness {

// What computes an operation's flops.
enum class Unit { FP32, BF16Tensor };

inline int attribute(cudaDeviceAttr which) {
    int value = 0;
    CUDA_CHECK(cudaDeviceGetAttribute(&value, which, 0));
    return value;
}

// GB/s that the memory's clock and width allow; 0 where the driver does not tell.
inline double peak_gb_per_s() {
    double hertz = 1e3 * attribute(cudaDevAttrMemoryClockRate);
    double bytes = attribute(cudaDevAttrGlobalMemoryBusWidth) / 8.0;
    return 2 * hertz * bytes / 1e9;  // two transfers a clock
}

// Flops of one multiprocessor in one clock, a fused multiply-add counted as two; 0 where we
// do not know. FP32: lanes of the Programming Guide's table "Throughput of Native Arithmetic
// Instructions". Tensor Cores, dense: A100 and H100 whitepapers.
inline double flops_per_clock(Unit unit, int major, int minor) {
    int capability = 10 * major + minor;
    if (unit == Unit::FP32) return capability <= 80 ? 2 * 64 : 2 * 128;
    switch (capability) {
    case 80: return 2 * 1024;
    case 90: return 2 * 2048;
    default: return 0;
    }
}

// TFLOP/s at the highest clock; 0 where we do not know.
inline double peak_tflop_per_s(Unit unit) {
    double hertz = 1e3 * attribute(cudaDevAttrClockRate);
    return attribute(cudaDevAttrMultiProcessorCount) * hertz / 1e12 *
           flops_per_clock(unit, attribute(cudaDevAttrComputeCapabilityMajor),
                           attribute(cudaDevAttrComputeCapabilityMinor));
}

struct Roof {
    std::string name;
    double us;  // 0: not known
};

// The larger of the two times. A measurement below it is impossible: something was not done.
inline Roof roof(double bytes, double flops, Unit unit) {
    double bandwidth = peak_gb_per_s(), peak = flops > 0 ? peak_tflop_per_s(unit) : 0;
    Roof memory = {"memory peak", bandwidth > 0 ? bytes / bandwidth / 1e3 : 0};
    Roof arithmetic = {unit == Unit::FP32 ? "FP32 peak" : "BF16 tensor peak",
                       peak > 0 ? flops / peak / 1e6 : 0};
    return arithmetic.us > memory.us ? arithmetic : memory;
}

}  // namespace harness
