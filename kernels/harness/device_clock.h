// The device's clock.
#pragma once

namespace harness {

// Nanoseconds, the same on all multiprocessors; it ticks about once a microsecond.
__device__ inline unsigned long long nanoseconds_now() {
    unsigned long long now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}

}  // namespace harness
