// A test bench for one operation and its versions. A kernel author writes the kernels, the
// fp64 reference from the definition, and a table of sizes; everything else is here.
//
//   ./transpose                     every version: checked, timed, a table
//   ./transpose --version padded    one of them
//   ./transpose --shape 1000x999    at one size of your own
//   ./transpose --check-only        no timing
//   ./transpose --sanitizer         for compute-sanitizer: no timing, no guard bands
//   ./transpose --seed 7            the same inputs again; --runs N; --json; --list
//
// What a version must survive, at every shape and with bases off the 16-byte boundary:
//   - the output is poisoned with NaN, then with a large number of either sign: each element
//     must be written, not merged by an fmaxf, which passes over a NaN;
//   - each buffer lies between guard bands, and the inputs are hashed before and after;
//   - the output is compared with the fp64 reference, and what is not finite is wrong;
//   - the run is repeated: the same bits must come out;
//   - each launch and each synchronisation is asked for its error.
// What the bench must survive, at every shape: a kernel that does nothing must be rejected,
// and so must inputs squeezed through a lower precision. A bench that passes those two
// checks nothing.
#pragma once

#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compare.h"
#include "cuda_check.h"
#include "guarded_buffer.h"
#include "random_input.h"
#include "report.h"
#include "timing.h"

namespace harness {

// ----------------------------------------------------------------------------
// What the author fills in

// The inputs on the CPU, for the reference.
template <class In>
struct Case {
    Shape shape;
    std::vector<std::vector<In>> in;
};

// The same on the GPU, for a launcher.
template <class In, class Out = In>
struct Run {
    Shape shape;
    std::vector<const In*> in;
    Out* out;
};

template <class In, class Out = In>
struct Version {
    std::string name;
    std::function<void(const Run<In, Out>&)> launch;
    std::function<std::vector<double>(const Case<In>&)> reference;
};

template <class In, class Out = In>
struct Operation {
    std::string name;
    std::vector<std::function<size_t(const Shape&)>> inputs;  // elements of each input
    std::function<size_t(const Shape&)> output;               // elements of the output
    std::function<double(const Shape&)> bytes;                // least memory traffic
    std::function<double(const Shape&)> tolerance;            // largest |error| allowed
    std::vector<Version<In, Out>> versions;                   // in ladder order
    std::vector<Version<In, Out>> limits;   // what no version can beat, timed beside each
    std::vector<Shape> checked, timed;
    std::vector<int> lower_precision = {10, 7};  // fraction bits: half or TF32, bfloat16
    bool repeatable = true;                      // false where atomics add floats
};

inline size_t elements(const Shape& shape) {
    size_t n = 1;
    for (int size : shape) n *= size;
    return n;
}

// Nothing is computed, so no error is allowed.
inline double exact(const Shape&) { return 0; }

// Each size below, at and above the tile, one, a prime, and a multiple of 4 that is none of
// the tile; every size meets every dimension, mostly beside a different one.
inline std::vector<Shape> boundary_shapes(int rank, int tile) {
    std::vector<int> sizes = {1, tile - 1, tile, tile + 1, tile + 4, 101};
    std::vector<Shape> shapes;
    for (int stride = 0; stride <= (rank > 1 ? rank : 0); stride++)
        for (size_t i = 0; i < sizes.size(); i++) {
            Shape shape;
            for (int d = 0; d < rank; d++) shape.push_back(sizes[(i + d * stride) % sizes.size()]);
            shapes.push_back(shape);
        }
    return shapes;
}

// ----------------------------------------------------------------------------
// One version at one shape: its buffers and its reference

enum class Poison { NaN, Large, Negative };
constexpr Poison POISONS[] = {Poison::NaN, Poison::Large, Poison::Negative};

template <class In, class Out>
class Bench {
public:
    Bench(const Operation<In, Out>& op, const Version<In, Out>& version, const Shape& shape,
          uint64_t seed, int in_offset, int out_offset, bool bands)
        : op(op), version(version), output(op.output(shape), out_offset, bands, Band::Output) {
        host.shape = run.shape = shape;
        for (size_t k = 0; k < op.inputs.size(); k++) {
            host.in.push_back(random_input<In>(seed + k, op.inputs[k](shape)));
            inputs.emplace_back(
                new GuardedBuffer<In>(host.in[k].size(), in_offset, bands, Band::Input));
            inputs[k]->upload(host.in[k]);
            run.in.push_back(inputs[k]->data());
        }
        run.out = output.data();
        comparison.reset(new Comparison<Out>(version.reference(host), op.tolerance(shape)));
    }

    // Largest error over runs with different poison; throws where anything is wrong.
    double check() {
        double error = 0;
        for (Poison poison : POISONS) {
            fill_output(poison);
            auto before = input_hashes();
            launch();
            error = std::max(error, comparison->check(run.out));
            check_memory(before);
        }
        return error;
    }

    // For compute-sanitizer: a wrong value must not keep it from the shapes that follow.
    void run_unchecked() {
        fill_output(Poison::NaN);
        launch();
    }

    void check_repeatable(int times) {
        unsigned long long first = output.hash();
        for (int i = 0; i < times; i++) {
            fill_output(POISONS[i % 3]);
            launch();
            if (output.hash() != first)
                throw Failure("race", "the same inputs gave other bits in run " +
                                          std::to_string(i + 2));
        }
    }

    // The bench itself: does it reject a kernel that does nothing?
    void check_ghost() {
        for (Poison poison : POISONS) {
            fill_output(poison);
            if (comparison->judge(run.out).wrong == 0)
                throw Failure("ghost", "a kernel that does nothing passes");
        }
    }

    // The bench itself: would it see that data went through `bits` bits of fraction?
    void check_tolerance(int bits) {
        for (size_t k = 0; k < inputs.size(); k++) {
            std::vector<In> rounded = host.in[k];
            for (In& value : rounded) value = In(at_lower_precision(float(value), bits));
            inputs[k]->upload(rounded);
        }
        fill_output(Poison::NaN);
        launch();
        unsigned long long wrong = comparison->judge(run.out).wrong;
        for (size_t k = 0; k < inputs.size(); k++) inputs[k]->upload(host.in[k]);
        if (wrong == 0)
            throw Failure("tolerance", "inputs rounded to " + std::to_string(bits) +
                                           " bits pass: the tolerance is too wide");
    }

    Timer::Sample time(Timer& timer) {
        fill_output(Poison::NaN);
        Timer::Sample sample = timer.time([this] { version.launch(run); });
        CUDA_CHECK(cudaGetLastError());
        comparison->check(run.out);
        return sample;
    }

    std::vector<unsigned long long> input_hashes() const {
        std::vector<unsigned long long> hashes;
        for (auto& input : inputs) hashes.push_back(input->hash());
        return hashes;
    }

    void check_memory(const std::vector<unsigned long long>& before) const {
        if (input_hashes() != before) throw Failure("input", "an input was written to");
        unsigned long long bytes = output.band_writes();
        for (auto& input : inputs) bytes += input->band_writes();
        if (bytes)
            throw Failure("guard", std::to_string(bytes) +
                                       " bytes written before or after a buffer");
    }

    size_t size() const { return output.size(); }
    const std::string& name() const { return version.name; }

private:
    void fill_output(Poison poison) {
        const float large = 12345;  // in the range of half, out of the inputs'
        if (poison == Poison::NaN) output.poison_with_nan();
        else output.poison_with(Out(poison == Poison::Large ? large : -large));
    }

    void launch() {
        version.launch(run);
        CUDA_CHECK(cudaGetLastError());  // an author may forget
        CUDA_CHECK(cudaDeviceSynchronize());
    }

    const Operation<In, Out>& op;
    const Version<In, Out>& version;
    Case<In> host;
    std::vector<std::unique_ptr<GuardedBuffer<In>>> inputs;
    GuardedBuffer<Out> output;
    std::unique_ptr<Comparison<Out>> comparison;
    Run<In, Out> run;
};

// ----------------------------------------------------------------------------
// The command line

struct Options {
    bool json = false, check_only = false, sanitizer = false, list = false;
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
CaseReport check_shape(const Operation<In, Out>& op, const Version<In, Out>& version,
                       const Shape& shape, const Options& options) {
    CaseReport report{shape, options.seed, 0, op.tolerance(shape), op.bytes(shape), {}};
    const int offsets[][2] = {{0, 0}, {1, 0}, {0, 1}};  // elements off the allocation's base
    for (auto& offset : offsets) {
        Bench<In, Out> bench(op, version, shape, options.seed, offset[0], offset[1],
                             !options.sanitizer);
        if (options.sanitizer) {
            bench.run_unchecked();
            continue;
        }
        report.max_error = std::max(report.max_error, bench.check());
        bench.check_ghost();
        if (bench.size() >= 8)  // a single number may survive rounding by luck
            for (int bits : op.lower_precision) bench.check_tolerance(bits);
        bench.check();
        if (op.repeatable) bench.check_repeatable(3);
    }
    return report;
}

template <class In, class Out>
CaseReport time_shape(const Operation<In, Out>& op, const Version<In, Out>& version,
                      const Shape& shape, const Options& options) {
    const int warm_up = 3;
    CaseReport report{shape, options.seed, 0, op.tolerance(shape), op.bytes(shape), {}};
    std::vector<std::unique_ptr<Bench<In, Out>>> benches;
    benches.emplace_back(new Bench<In, Out>(op, version, shape, options.seed, 0, 0, true));
    report.max_error = benches[0]->check();
    for (auto& limit : op.limits)
        benches.emplace_back(new Bench<In, Out>(op, limit, shape, options.seed, 0, 0, true));
    auto before = benches[0]->input_hashes();
    Timer timer;
    std::vector<std::vector<Timer::Sample>> samples(benches.size());
    // Version and limits take turns: what the clocks do to one, they do to all.
    for (int i = -warm_up; i < options.runs; i++)
        for (size_t b = 0; b < benches.size(); b++) {
            Timer::Sample sample = benches[b]->time(timer);
            if (i >= 0) samples[b].push_back(sample);
        }
    benches[0]->check_memory(before);
    for (size_t b = 0; b < benches.size(); b++)
        report.times.push_back({benches[b]->name(), timer.judge(samples[b], report.bytes)});
    return report;
}

// Checks, then times one version; true where it passed.
template <class In, class Out>
bool run_version(const Operation<In, Out>& op, const Version<In, Out>& version,
                 const Options& options, const Report& report) {
    std::vector<Shape> checked = op.checked, timed = op.timed;
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
