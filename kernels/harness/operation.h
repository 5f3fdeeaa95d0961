// What a kernel author fills in: an operation, its versions, its sizes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "roofline.h"

namespace harness {

using Shape = std::vector<int>;

// The inputs on the CPU, for the reference.
template <class In>
struct Case {
    Shape shape;
    std::vector<std::vector<In>> in;
    std::vector<std::vector<int>> indices;
};

// The same on the GPU, for a launcher.
template <class In, class Out = In>
struct Run {
    Shape shape;
    std::vector<const In*> in;
    std::vector<const int*> indices;
    Out* out;
};

using Doubles = std::vector<double>;

// Whatever is left empty here is taken from the operation.
template <class In, class Out = In>
struct Version {
    std::string name;
    std::function<void(const Run<In, Out>&)> launch;
    std::function<Doubles(const Case<In>&)> reference;
    std::function<void(const Run<In, double>&)> gpu_reference;
    // Around each launch and never timed: workspace, copies to and from the host.
    std::function<void(const Run<In, Out>&)> before, after;
    std::function<double(const Shape&)> tolerance;
    std::vector<Shape> timed;
    double arithmetic = 1;   // of the operation's flops, what this version computes
    bool repeatable = true;  // false where atomics add floats
    bool propagates = true;  // NaN and infinities go where the definition takes them
};

// Which of the measured limits bounds the operation: the slowest where they run side by
// side, as the two copy engines and a kernel do.
enum class Bound { Fastest, Slowest };

template <class In, class Out = In>
struct Operation {
    std::string name;
    std::vector<std::function<size_t(const Shape&)>> inputs;  // elements of each input
    std::function<size_t(const Shape&)> output;               // elements of the output
    std::function<double(const Shape&)> bytes;                // least memory traffic
    std::function<double(const Shape&)> tolerance;            // largest |error| allowed
    std::vector<Version<In, Out>> versions;                   // in ladder order
    std::vector<Version<In, Out>> limits;     // what no version can beat, timed beside each
    std::vector<Version<In, Out>> baselines;  // other people's code, timed beside each
    std::vector<Shape> checked, timed;
    std::vector<int> lower_precision = {10, 7};  // fraction bits: half or TF32, bfloat16
    // From the definition, in double, on the CPU.
    std::function<Doubles(const Case<In>&)> reference;
    // The same on the GPU, for shapes that take the CPU minutes; held against `reference`.
    std::function<void(const Run<In, double>&)> gpu_reference;
    std::function<double(const Shape&)> flops;  // none: nothing is computed
    Unit unit = Unit::FP32;                     // what computes them
    double relative = 0;                        // error allowed per |expected|, beside tolerance
    // Integers that the data come with, as the rows and columns of a sparse matrix.
    std::function<std::vector<std::vector<int>>(const Shape&, uint64_t seed)> indices;
    std::vector<int> special = {0};  // inputs whose NaN and infinities must show in the output
    Bound bound = Bound::Fastest;
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

}  // namespace harness
