// One macro for every CUDA call and every launch.
//
//   CUDA_CHECK(cudaMalloc(&p, bytes));
//   kernel<<<grid, block>>>(p);
//   CUDA_CHECK(cudaGetLastError());       // the launch: bad configuration, too much shared memory
//   CUDA_CHECK(cudaDeviceSynchronize());  // the run: bad address, misaligned access
//
// Both lines are needed: a launch that never started leaves yesterday's output
// in place, and an error inside a kernel shows only when somebody waits for it.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace harness {

// A check that did not hold. `kind` is one word for programs, the message is for people.
struct Failure : std::runtime_error {
    std::string kind;
    Failure(const std::string& kind, const std::string& message)
        : std::runtime_error(message), kind(kind) {}
};

inline void cuda_check(cudaError_t error, const char* call, const char* file, int line) {
    if (error == cudaSuccess) return;
    std::string name = file;
    name = name.substr(name.find_last_of('/') + 1);
    throw Failure(error == cudaErrorMemoryAllocation ? "memory" : "launch",
                  std::string(cudaGetErrorString(error)) + " from " + call + " at " + name + ":" +
                      std::to_string(line));
}

}  // namespace harness

#define CUDA_CHECK(call) harness::cuda_check((call), #call, __FILE__, __LINE__)
