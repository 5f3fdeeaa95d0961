// How long one call takes on the device, so that the figure can be believed.
//
// - L2 is flushed before each call (a hot cache gives impossible bandwidth), and memory
//   that somebody made persist in L2 is let go.
// - Many calls, and the median: one slow call does not move it. Min and max are kept.
// - The stream is held until the host has queued the whole call: else the host's time would be
//   taken for the device's where it is the longer of the two, as with many libraries. A call
//   that waits for the device cannot be held, and begins on an idle device instead.
// - The end is measured twice: in the stream, and after a device-wide synchronisation. Work
//   hidden on another stream makes the second much later than the first.
// - A time below the roofline is impossible: something was not done.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "device_clock.h"
#include "roofline.h"

namespace harness {

struct Spread {
    double median, min, max;  // microseconds
    int runs;
};

inline Spread spread(std::vector<double> us) {
    std::sort(us.begin(), us.end());
    size_t half = us.size() / 2;
    double median = us.size() % 2 ? us[half] : (us[half - 1] + us[half]) / 2;
    return {median, us.front(), us.back(), int(us.size())};
}

// The host opens a gate by writing the number of the turn; the device says which it gave up.
struct Gate {
    unsigned opened, given_up;
};

// Holds its stream until the gate is open, at most for `nanoseconds`.
__global__ void hold(volatile Gate* gate, unsigned turn, unsigned long long nanoseconds) {
    unsigned long long begin = nanoseconds_now();
    while (gate->opened != turn)
        if (nanoseconds_now() - begin > nanoseconds) {
            gate->given_up = turn;
            return;
        }
}

class Timer {
public:
    // Whether the stream is held while the host queues the call, or idle when it begins.
    enum class Start { Held, Idle };

    Timer() {
        CUDA_CHECK(cudaHostAlloc(&gate, sizeof *gate, cudaHostAllocMapped));
        *gate = {0, 0};
        flush_bytes = 2 * size_t(std::max(attribute(cudaDevAttrL2CacheSize), 1 << 20));
        CUDA_CHECK(cudaMalloc(&flush, flush_bytes));
        for (cudaEvent_t* event : {&start, &stop, &after_all}) CUDA_CHECK(cudaEventCreate(event));
        std::vector<double> lags;
        for (int i = 0; i < 20; i++) lags.push_back(time([] {}).lag);
        idle_lag = spread(lags).median;
    }
    ~Timer() {
        cudaFree(flush);
        cudaFreeHost(gate);
        for (cudaEvent_t event : {start, stop, after_all}) cudaEventDestroy(event);
    }
    Timer(const Timer&) = delete;

    struct Sample {
        double us;   // start to end of the stream's work
        double lag;  // from there to the end of all the device's work, as the host sees it
        bool held;   // whether all of the call was queued when it began
    };

    Sample time(const std::function<void()>& call, Start how = Start::Held) {
        const unsigned long long patience = 500000;  // nanoseconds
        turn++;
        if (attribute(cudaDevAttrMaxPersistingL2CacheSize) > 0)
            CUDA_CHECK(cudaCtxResetPersistingL2Cache());
        CUDA_CHECK(cudaMemsetAsync(flush, 0, flush_bytes));
        CUDA_CHECK(cudaDeviceSynchronize());  // or work on another stream would hide behind it
        if (how == Start::Held) hold<<<1, 1>>>(gate, turn, patience);
        CUDA_CHECK(cudaGetLastError());
        CUDA_CHECK(cudaEventRecord(start));
        call();
        CUDA_CHECK(cudaEventRecord(stop));
        open_gate();
        CUDA_CHECK(cudaDeviceSynchronize());
        CUDA_CHECK(cudaEventRecord(after_all));
        CUDA_CHECK(cudaEventSynchronize(after_all));
        float ms = 0, all_ms = 0;
        CUDA_CHECK(cudaEventElapsedTime(&ms, start, stop));
        CUDA_CHECK(cudaEventElapsedTime(&all_ms, start, after_all));
        bool held = how == Start::Held && given_up() != turn;
        return {1e3 * ms, 1e3 * (all_ms - ms), held};
    }

    // Spread of `samples`; throws where they cannot be true.
    Spread judge(const std::vector<Sample>& samples, const Roof& roof) const {
        std::vector<double> us, lags;
        for (const Sample& sample : samples) {
            us.push_back(sample.us);
            lags.push_back(sample.lag);
        }
        Spread result = spread(us);
        double lag = spread(lags).median;
        // The longer the host has waited, the later it wakes.
        if (lag > 2 * idle_lag + 20 + 0.02 * result.median)
            throw Failure("stream", "the device worked on for " + std::to_string(int(lag)) +
                                        " us after the stream had ended: work on another stream");
        if (result.min < roof.us)
            throw Failure("impossible", std::to_string(result.min) + " us is less than the " +
                                            std::to_string(roof.us) + " us of the " + roof.name);
        return result;
    }

private:
    void open_gate() { static_cast<volatile Gate*>(gate)->opened = turn; }
    unsigned given_up() const { return static_cast<volatile Gate*>(gate)->given_up; }

    Gate* gate = nullptr;
    unsigned turn = 0;
    void* flush = nullptr;
    size_t flush_bytes = 0;
    cudaEvent_t start, stop, after_all;
    double idle_lag = 0;
};

}  // namespace harness
