// One version at one shape: its buffers, its reference, and what it must survive.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>

#include "compare.h"
#include "crowd.h"
#include "operation.h"
#include "random_input.h"
#include "timing.h"

namespace harness {

enum class Poison { NaN, Large, Negative };
constexpr Poison POISONS[] = {Poison::NaN, Poison::Large, Poison::Negative};

// Where buffers begin, in elements off their allocation, and whether bands guard them.
struct Layout {
    int in_offset = 0, out_offset = 0;
    bool bands = true;
};

// Where the reference is computed; nowhere for compute-sanitizer, which compares nothing.
enum class Reference { Cpu, Gpu, None };

template <class In, class Out>
class Bench {
public:
    // `twin`: a bench of the same operation, shape and seed that has the reference already.
    Bench(const Operation<In, Out>& op, const Version<In, Out>& version, const Shape& shape,
          uint64_t seed, const Layout& layout, Reference where, const Bench* twin = nullptr)
        : op(op), version(version), seed(seed), where(where),
          output(op.output(shape), layout.out_offset, layout.bands, Band::Output) {
        run.shape = shape;
        run.out = output.data();
        for (auto& size : op.inputs) {
            inputs.emplace_back(new GuardedBuffer<In>(size(shape), layout.in_offset, layout.bands,
                                                      Band::Input));
            run.in.push_back(inputs.back()->data());
        }
        if (op.indices) add_indices(op.indices(shape, seed), layout.bands);
        auto plain = [](const Version<In, Out>& v) { return !v.reference && !v.tolerance; };
        if (where == Reference::None) {
            fill_inputs(seed);
        } else if (twin && plain(version) && plain(twin->version)) {
            comparison = twin->comparison;
            fill_inputs(seed);
        } else {
            auto& tolerance = version.tolerance ? version.tolerance : op.tolerance;
            Tolerance allowed = {tolerance(shape), op.relative};
            comparison = std::make_shared<Comparison>(output.size(), allowed);
            load(seed);
        }
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

    // Again and again, the last time in a crowd: the same bits, or the right values at least
    // where atomics add in any order.
    void check_repeatable(int times) {
        unsigned long long first = output.hash();
        for (int i = 0; i < times; i++) {
            fill_output(POISONS[i % 3]);
            if (i == times - 1) crowd().gather();
            launch();
            if (!version.repeatable) comparison->check(run.out);
            else if (output.hash() != first)
                throw Failure("race", "the same inputs gave other bits in run " +
                                          std::to_string(i + 2));
        }
    }

    // A NaN or an infinity in an input goes where the definition takes it, and nowhere else.
    void check_special() {
        double inf = std::numeric_limits<double>::infinity();
        for (double value : {std::numeric_limits<double>::quiet_NaN(), inf, -inf})
            for (int k : op.special) {
                if (inputs[k]->size() == 0) continue;
                fill_inputs(seed);
                size_t at = random_bits(seed, k) % inputs[k]->size();
                inputs[k]->set(at, In(float(value)));
                expect();
                fill_output(Poison::Large);
                launch();
                if (comparison->judge(run.out).wrong)
                    throw Failure("special", std::string(std::isnan(value) ? "NaN" : "infinity") +
                                                 " in input " + std::to_string(k) + " at [" +
                                                 std::to_string(at) +
                                                 "] does not go where it should");
            }
        load(seed);
    }

    // The bench itself: does it reject a kernel that does nothing?
    void check_ghost() {
        for (Poison poison : POISONS) {
            fill_output(poison);
            if (comparison->judge(run.out).wrong == 0)
                throw Failure("ghost", "a kernel that does nothing passes");
        }
    }

    // The bench itself: would it see that data went through `bits` bits of fraction? A few
    // numbers can come out right by luck, so they are tried with more than one seed.
    void check_tolerance(int bits) {
        size_t tries = output.size() >= 8 ? 1 : 8;
        unsigned long long wrong = 0;
        for (size_t i = 0; i < tries && !wrong; i++) {
            if (i) load(seed + 1000 * i);
            for (auto& input : inputs) lower_precision(*input, bits);
            fill_output(Poison::NaN);
            launch();
            wrong = comparison->judge(run.out).wrong;
        }
        load(seed);
        if (wrong == 0)
            throw Failure("tolerance", "inputs rounded to " + std::to_string(bits) +
                                           " bits pass: the tolerance is too wide");
    }

    // The bench itself: do the two references agree, on the CPU and on the GPU?
    void check_references() {
        auto& reference = gpu_reference();
        if (!reference) return;
        Comparison other(output.size(), {});
        reference({run.shape, run.in, run.indices, other.data()});
        CUDA_CHECK(cudaDeviceSynchronize());
        if (comparison->judge(other.data(), {1e-10, 1e-10}).wrong)
            throw Failure("reference", "the references on the CPU and on the GPU differ");
    }

    Timer::Sample time(Timer& timer) {
        fill_output(Poison::NaN);
        if (version.before) version.before(run);
        Timer::Sample sample = timer.time([this] { version.launch(run); },
                                          waits() ? Timer::Start::Idle : Timer::Start::Held);
        CUDA_CHECK(cudaGetLastError());
        // Once is chance, or the first call of a library.
        if (!waits()) not_held = sample.held ? 0 : not_held + 1;
        if (version.after) version.after(run);
        comparison->check(run.out);
        return sample;
    }

    std::vector<unsigned long long> input_hashes() const {
        std::vector<unsigned long long> hashes;
        for (auto& input : inputs) hashes.push_back(input->hash());
        for (auto& index : indices) hashes.push_back(index->hash());
        return hashes;
    }

    void check_memory(const std::vector<unsigned long long>& before) const {
        if (input_hashes() != before) throw Failure("input", "an input was written to");
        unsigned long long bytes = output.band_writes();
        for (auto& input : inputs) bytes += input->band_writes();
        for (auto& index : indices) bytes += index->band_writes();
        if (bytes)
            throw Failure("guard", std::to_string(bytes) +
                                       " bytes written before or after a buffer");
    }

    const std::string& name() const { return version.name; }
    double largest_allowed() const { return comparison->largest_allowed(); }
    Roof roof() const {
        double flops = op.flops ? op.flops(run.shape) * version.arithmetic : 0;
        return harness::roof(op.bytes(run.shape), flops, op.unit);
    }

private:
    // Whether the call itself waits for the device.
    bool waits() const { return not_held >= 3; }

    static const Crowd& crowd() {
        static Crowd crowd;
        return crowd;
    }

    const std::function<void(const Run<In, double>&)>& gpu_reference() const {
        // Of a version with a definition of its own, the operation's would be another's.
        return version.gpu_reference || version.reference ? version.gpu_reference
                                                          : op.gpu_reference;
    }

    void add_indices(const std::vector<std::vector<int>>& lists, bool bands) {
        host.indices = lists;
        for (auto& list : lists) {
            indices.emplace_back(new GuardedBuffer<int>(list.size(), 0, bands, Band::Input));
            indices.back()->upload(list);
            run.indices.push_back(indices.back()->data());
        }
    }

    void fill_inputs(uint64_t with) {
        for (size_t k = 0; k < inputs.size(); k++) fill_random(*inputs[k], with + k);
    }

    void load(uint64_t with) {
        fill_inputs(with);
        expect();
        comparison->require_finite();
    }

    // The reference for what the inputs hold now.
    void expect() {
        if (where == Reference::Gpu && gpu_reference()) {
            CUDA_CHECK(cudaMemset(comparison->data(), 0xFF, output.size() * sizeof(double)));
            gpu_reference()({run.shape, run.in, run.indices, comparison->data()});
            CUDA_CHECK(cudaGetLastError());
            CUDA_CHECK(cudaDeviceSynchronize());
            return;
        }
        host.shape = run.shape;
        host.in.clear();
        for (auto& input : inputs) host.in.push_back(input->download());
        comparison->expect((version.reference ? version.reference : op.reference)(host));
    }

    void fill_output(Poison poison) {
        const float large = 12345;  // in the range of half, out of the inputs'
        if (poison == Poison::NaN) output.poison_with_nan();
        else output.poison_with(Out(poison == Poison::Large ? large : -large));
    }

    void launch() {
        if (version.before) version.before(run);
        version.launch(run);
        CUDA_CHECK(cudaGetLastError());  // an author may forget
        CUDA_CHECK(cudaDeviceSynchronize());
        if (version.after) version.after(run);
    }

    const Operation<In, Out>& op;
    const Version<In, Out>& version;
    uint64_t seed;
    Reference where;
    int not_held = 0;  // calls in a row, up to the last
    Case<In> host;
    std::vector<std::unique_ptr<GuardedBuffer<In>>> inputs;
    std::vector<std::unique_ptr<GuardedBuffer<int>>> indices;
    GuardedBuffer<Out> output;
    std::shared_ptr<Comparison> comparison;
    Run<In, Out> run;
};

}  // namespace harness
