// What the program prints: JSON lines for `verify`, a table for people.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "operation.h"
#include "timing.h"

namespace harness {

inline std::string text(const Shape& shape) {
    std::string result;
    for (int size : shape) result += (result.empty() ? "" : "x") + std::to_string(size);
    return result;
}

inline std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n') result += "\\n";
        else if ((unsigned char)c >= 0x20) result += c;
    }
    return result + '"';
}

inline std::string json(const Shape& shape) {
    std::string result;
    for (int size : shape) result += (result.empty() ? "" : ", ") + std::to_string(size);
    return "[" + result + "]";
}

inline std::string json(const Spread& s) {
    char line[160];
    std::snprintf(line, sizeof line,
                  "{\"median\": %.3f, \"min\": %.3f, \"max\": %.3f, \"runs\": %d}", s.median,
                  s.min, s.max, s.runs);
    return line;
}

struct Timed {
    std::string name;
    Spread us;
};

// What a time is held against: a name and microseconds; no name where there is nothing.
struct Mark {
    std::string name;
    double us = 0;
};

inline std::string json(const Mark& mark) {
    char us[32];
    std::snprintf(us, sizeof us, "%.3f", mark.us);
    return "{\"name\": " + quoted(mark.name) + ", \"us\": " + us + "}";
}

// One shape of one version that passed.
struct CaseReport {
    Shape shape;
    uint64_t seed = 0;
    double max_error = 0, tolerance = 0, bytes = 0, flops = 0;
    std::vector<Timed> times;  // the version first, then limits and baselines; empty: not timed
    Mark limit, baseline;
};

class Report {
public:
    explicit Report(bool as_json) : as_json(as_json) {}

    void device() const {
        cudaDeviceProp p;
        int driver = 0, runtime = 0;
        CUDA_CHECK(cudaGetDeviceProperties(&p, 0));
        CUDA_CHECK(cudaDriverGetVersion(&driver));
        CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
        if (as_json)
            std::printf("{\"device\": {\"name\": %s, \"compute_capability\": \"%d.%d\", "
                        "\"multiprocessors\": %d, \"l2_bytes\": %d, \"cuda_driver\": \"%d.%d\", "
                        "\"cuda_runtime\": \"%d.%d\", \"peak_gb_per_s\": %.0f}}\n",
                        quoted(p.name).c_str(), p.major, p.minor, p.multiProcessorCount,
                        p.l2CacheSize, driver / 1000, driver % 1000 / 10, runtime / 1000,
                        runtime % 1000 / 10, peak_gb_per_s());
        else
            std::printf("%s, %d multiprocessors, peak %.0f GB/s\n", p.name, p.multiProcessorCount,
                        peak_gb_per_s());
        std::fflush(stdout);
    }

    void passed(const std::string& version, const CaseReport& c) const {
        if (as_json) {
            std::printf("{\"version\": %s, \"case\": {\"shape\": %s, \"seed\": %llu, "
                        "\"max_error\": %.9g, \"tolerance\": %.9g, \"bytes\": %.0f, "
                        "\"flops\": %.0f, \"times\": {",
                        quoted(version).c_str(), json(c.shape).c_str(),
                        (unsigned long long)c.seed, c.max_error, c.tolerance, c.bytes, c.flops);
            for (size_t i = 0; i < c.times.size(); i++)
                std::printf("%s%s: %s", i ? ", " : "", quoted(c.times[i].name).c_str(),
                            json(c.times[i].us).c_str());
            std::printf("}");
            if (!c.limit.name.empty()) std::printf(", \"limit\": %s", json(c.limit).c_str());
            if (!c.baseline.name.empty())
                std::printf(", \"baseline\": %s", json(c.baseline).c_str());
            std::printf("}}\n");
        } else if (!c.times.empty()) {
            row(version, c);
        }
        std::fflush(stdout);
    }

    void failed(const std::string& version, const Shape& shape, const Failure& failure) const {
        if (as_json)
            std::printf("{\"version\": %s, \"failure\": {\"kind\": %s, \"shape\": %s, "
                        "\"message\": %s}}\n",
                        quoted(version).c_str(), quoted(failure.kind).c_str(),
                        json(shape).c_str(), quoted(failure.what()).c_str());
        else
            std::printf("%-12s %-14s WRONG (%s): %s\n", version.c_str(), text(shape).c_str(),
                        failure.kind.c_str(), failure.what());
        std::fflush(stdout);
    }

    void done(const std::string& version, int cases) const {
        if (as_json)
            std::printf("{\"version\": %s, \"done\": {\"cases\": %d}}\n", quoted(version).c_str(),
                        cases);
        else
            std::printf("%-12s %d shapes right\n", version.c_str(), cases);
        std::fflush(stdout);
    }

private:
    void row(const std::string& version, const CaseReport& c) const {
        double us = c.times[0].us.median;
        char rate[32];
        if (c.flops > 0) std::snprintf(rate, sizeof rate, "%.1f TFLOP/s", c.flops / us / 1e6);
        else std::snprintf(rate, sizeof rate, "%.0f GB/s", c.bytes / us / 1e3);
        std::printf("%-12s %-16s %9.1f us %14s", version.c_str(), text(c.shape).c_str(), us, rate);
        for (const Mark& mark : {c.limit, c.baseline})
            if (!mark.name.empty())
                std::printf(" %6.1f %% of %s", 100 * mark.us / us, mark.name.c_str());
        std::printf("\n");
    }

    bool as_json;
};

}  // namespace harness
