// A test bench for one operation and its versions. A kernel author writes the kernels, the
// fp64 reference from the definition, and a table of sizes; everything else is here.
//
//   ./transpose                     every version: checked, timed, a table
//   ./transpose --version padded    one of them
//   ./transpose --shape 1000x999    at one size of your own
//   ./transpose --check-only        no timing
//   ./transpose --alone             timed without limits and baselines beside it
//   ./transpose --sanitizer         for compute-sanitizer: no timing, no guard bands
//   ./transpose --trust-bench       what tests the bench itself is left out, for mutants
//   ./transpose --seed 7            the same inputs again; --runs N; --json; --list
//
// What a version must survive, at every shape and with bases off the 16-byte boundary:
//   - the output is poisoned with NaN, then with a large number of either sign: each element
//     must be written, not merged by an fmaxf, which passes over a NaN;
//   - each buffer lies between guard bands, and the inputs are hashed before and after;
//   - the output is compared with the fp64 reference, and what is not finite is wrong;
//   - a NaN and the infinities, put into an input, go where the definition takes them;
//   - the run is repeated, once while other blocks crowd the chip: the same bits must come out;
//   - each launch and each synchronisation is asked for its error.
// What the bench must survive, at every shape: a kernel that does nothing must be rejected,
// and so must inputs squeezed through a lower precision; where there is a second reference,
// on the GPU, it must agree with the one on the CPU. A bench that passes less checks nothing.
#pragma once

#include <cstdlib>
#include <cstring>

#include "bench.h"
#include "report.h"

namespace harness {

// ----------------------------------------------------------------------------
// The command line

struct Options {
    bool json = false, check_only = false, sanitizer = false, alone = false, list = false,
         trust_bench = false;
    std::string version;
    Shape shape;
    uint64_t seed = fresh_seed();
    int runs = 50;
};

inline Shape parse_shape(const char* text) {
    Shape shape;
    for (const char* p = text; *p; p++) {
        char* end;
        long size = std::strtol(p, &end, 10);
        if (end == p || size < 1 || size > (1 << 30) || (*end && *end != 'x'))
            throw Failure("usage", std::string("not a shape, like 1000x999: ") + text);
        shape.push_back(int(size));
        p = *end ? end : end - 1;
    }
    return shape;
}

inline Options parse(int argc, char** argv) {
    Options o;
    for (int i = 1; i < argc; i++) {
        std::string flag = argv[i];
        auto value = [&] {
            if (++i == argc) throw Failure("usage", flag + " needs a value");
            return argv[i];
        };
        if (flag == "--json") o.json = true;
        else if (flag == "--check-only") o.check_only = true;
        else if (flag == "--sanitizer") o.sanitizer = o.check_only = true;
        else if (flag == "--alone") o.alone = true;
        else if (flag == "--trust-bench") o.trust_bench = true;
        else if (flag == "--list") o.list = true;
        else if (flag == "--version") o.version = value();
        else if (flag == "--shape") o.shape = parse_shape(value());
        else if (flag == "--seed") o.seed = std::strtoull(value(), nullptr, 0);
        else if (flag == "--runs") o.runs = std::max(1, std::atoi(value()));
        else throw Failure("usage", "unknown option " + flag +
                                        "; harness.h lists them at its top");
    }
    return o;
}

// ----------------------------------------------------------------------------
// The run

template <class In, class Out>
CaseReport case_report(const Operation<In, Out>& op, const Shape& shape, uint64_t seed) {
    CaseReport report;
    report.shape = shape;
    report.seed = seed;
    report.bytes = op.bytes(shape);
    report.flops = op.flops ? op.flops(shape) : 0;
    return report;
}

template <class In, class Out>
CaseReport check_shape(const Operation<In, Out>& op, const Version<In, Out>& version,
                       const Shape& shape, const Options& options) {
    CaseReport report = case_report(op, shape, options.seed);
    const int offsets[][2] = {{0, 0}, {1, 0}, {0, 1}};  // elements off the allocation's base
    for (auto& offset : offsets) {
        Layout layout = {offset[0], offset[1], !options.sanitizer};
        Bench<In, Out> bench(op, version, shape, options.seed, layout,
                             options.sanitizer ? Reference::None : Reference::Cpu);
        if (options.sanitizer) {
            bench.run_unchecked();
            continue;
        }
        if (!options.trust_bench) bench.check_references();
        report.max_error = std::max(report.max_error, bench.check());
        report.tolerance = std::max(report.tolerance, bench.largest_allowed());
        if (!options.trust_bench) {
            bench.check_ghost();
            for (int bits : op.lower_precision) bench.check_tolerance(bits);
        }
        if (version.propagates) bench.check_special();
        bench.check();
        bench.check_repeatable(3);
    }
    return report;
}

// The times of `names` that bound the operation, or else its roofline.
inline Mark limit_of(const std::vector<Timed>& limits, const Roof& roof, Bound bound) {
    if (limits.empty()) return {roof.us > 0 ? roof.name : "", roof.us};
    auto faster = [](const Timed& a, const Timed& b) { return a.us.median < b.us.median; };
    auto chosen = bound == Bound::Slowest ? std::max_element(limits.begin(), limits.end(), faster)
                                          : std::min_element(limits.begin(), limits.end(), faster);
    return {chosen->name, chosen->us.median};
}

template <class In, class Out>
CaseReport time_shape(const Operation<In, Out>& op, const Version<In, Out>& version,
                      const Shape& shape, const Options& options) {
    const int warm_up = 5, fewest = 7;
    const double patience = 2e6;  // microseconds for all of a shape's timed calls
    CaseReport report = case_report(op, shape, options.seed);
    std::vector<std::unique_ptr<Bench<In, Out>>> benches;
    auto add = [&](const Version<In, Out>& which) {
        benches.emplace_back(new Bench<In, Out>(op, which, shape, options.seed, Layout(),
                                                Reference::Gpu,
                                                benches.empty() ? nullptr : benches[0].get()));
    };
    add(version);
    report.max_error = benches[0]->check();
    report.tolerance = benches[0]->largest_allowed();
    if (!options.alone) {
        for (auto& limit : op.limits) add(limit);
        for (auto& baseline : op.baselines) add(baseline);
    }
    auto before = benches[0]->input_hashes();
    Timer timer;
    std::vector<std::vector<Timer::Sample>> samples(benches.size());
    // All take turns: what the clocks do to one, they do to the others.
    int runs = options.runs;
    for (int i = -warm_up; i < runs; i++) {
        double turn = 0;
        for (size_t b = 0; b < benches.size(); b++) {
            Timer::Sample sample = benches[b]->time(timer);
            turn += sample.us;
            if (i >= 0) samples[b].push_back(sample);
        }
        if (i == -1) runs = std::min(runs, std::max(fewest, int(patience / turn)));
    }
    benches[0]->check_memory(before);
    for (size_t b = 0; b < benches.size(); b++)
        report.times.push_back(
            {benches[b]->name(), timer.judge(samples[b], benches[b]->roof())});
    if (options.alone) return report;
    auto limits = report.times.begin() + 1, libraries = limits + op.limits.size();
    report.limit = limit_of({limits, libraries}, benches[0]->roof(), op.bound);
    if (!op.baselines.empty())
        report.baseline = limit_of({libraries, report.times.end()}, {}, Bound::Fastest);
    return report;
}

// Checks, then times one version; true where it passed.
template <class In, class Out>
bool run_version(const Operation<In, Out>& op, const Version<In, Out>& version,
                 const Options& options, const Report& report) {
    std::vector<Shape> checked = op.checked;
    std::vector<Shape> timed = version.timed.empty() ? op.timed : version.timed;
    if (!options.shape.empty()) {
        // Timing checks too; the full check of a large shape takes the CPU a minute.
        bool small = elements(options.shape) <= 1 << 20;
        checked = small || options.check_only ? std::vector<Shape>{options.shape}
                                              : std::vector<Shape>{};
        timed = {options.shape};
    }
    if (options.check_only) timed.clear();
    Shape shape;
    try {
        for (const Shape& s : checked)
            report.passed(version.name, check_shape(op, version, shape = s, options));
        for (const Shape& s : timed)
            report.passed(version.name, time_shape(op, version, shape = s, options));
    } catch (const Failure& failure) {
        report.failed(version.name, shape, failure);
        return false;
    }
    report.done(version.name, int(checked.size() + timed.size()));
    return true;
}

template <class In, class Out>
int run_all(const Operation<In, Out>& op, const Options& options) {
    Report report(options.json);
    report.device();
    bool known = false, passed = true;
    for (auto& version : op.versions) {
        if (!options.version.empty() && version.name != options.version) continue;
        known = true;
        passed &= run_version(op, version, options, report);
        if (cudaDeviceSynchronize() != cudaSuccess) {
            std::fprintf(stderr, "%s broke the CUDA context. Run the others one by one, with "
                                 "--version.\n", version.name.c_str());
            return 1;
        }
    }
    if (!known) throw Failure("usage", "no version '" + options.version + "'; see --list");
    return passed ? 0 : 1;
}

template <class In, class Out>
int main(const Operation<In, Out>& op, int argc, char** argv) {
    try {
        Options options = parse(argc, argv);
        if (options.list) {
            for (auto& version : op.versions) std::printf("%s\n", version.name.c_str());
            return 0;
        }
        if (!options.json)
            std::printf("%s, seed %llu\n", op.name.c_str(), (unsigned long long)options.seed);
        return run_all(op, options);
    } catch (const Failure& failure) {
        std::fprintf(stderr, "%s: %s\n", op.name.c_str(), failure.what());
        return failure.kind == "usage" ? 2 : 1;
    }
}

}  // namespace harness
