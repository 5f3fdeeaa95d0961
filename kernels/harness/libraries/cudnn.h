// cuDNN as a baseline: the fastest of its forward convolutions in fp32 without Tensor Cores.
#pragma once

#include <map>
#include <vector>

#include "../operation.h"
#include "../timing.h"
#include "library.h"

namespace harness {

#ifdef HARNESS_NO_BASELINES
inline std::vector<Version<float>> cudnn_conv3x3() { return {}; }
#else

class Cudnn {
public:
    static constexpr int ALGORITHMS = 8;  // cudnnConvolutionFwdAlgo_t: 0 … 7

    static const Cudnn& get() {
        static Cudnn cudnn;
        return cudnn;
    }
    explicit operator bool() const { return bool(library); }

    // A 3×3 convolution of one shape {N, C, K, H, W}, stride 1, padding 1, NCHW.
    struct Convolution {
        void *x = nullptr, *w = nullptr, *y = nullptr, *descriptor = nullptr, *workspace = nullptr;
        size_t bytes = 0;
        int algorithm = -1;  // the fastest that takes this shape
    };

    Convolution prepare(const Run<float>& r) const {
        int N = r.shape[0], C = r.shape[1], K = r.shape[2], H = r.shape[3], W = r.shape[4];
        Convolution c;
        LIBRARY_CHECK(create_tensor(&c.x));
        LIBRARY_CHECK(create_tensor(&c.y));
        LIBRARY_CHECK(create_filter(&c.w));
        LIBRARY_CHECK(create_convolution(&c.descriptor));
        LIBRARY_CHECK(set_tensor(c.x, NCHW, FLOAT, N, C, H, W));
        LIBRARY_CHECK(set_tensor(c.y, NCHW, FLOAT, N, K, H, W));
        LIBRARY_CHECK(set_filter(c.w, FLOAT, NCHW, K, C, 3, 3));
        LIBRARY_CHECK(set_convolution(c.descriptor, 1, 1, 1, 1, 1, 1, CROSS_CORRELATION, FLOAT));
        LIBRARY_CHECK(set_math(c.descriptor, FMA_MATH));
        choose(c, r);
        return c;
    }

    int run(const Convolution& c, const Run<float>& r) const {
        const float one = 1, zero = 0;
        return forward(handle, &one, c.x, r.in[0], c.w, r.in[1], c.descriptor, c.algorithm, c.workspace,
                       c.bytes, &zero, c.y, r.out);
    }

private:
    static constexpr int NCHW = 0, FLOAT = 0, CROSS_CORRELATION = 1, FMA_MATH = 3;

    Cudnn() : library({"libcudnn.so.9"}) {
        if (!library) return;
        LIBRARY_CHECK(library.get<int(void**)>("cudnnCreate")(&handle));
        create_tensor = library.get<Create>("cudnnCreateTensorDescriptor");
        create_filter = library.get<Create>("cudnnCreateFilterDescriptor");
        create_convolution = library.get<Create>("cudnnCreateConvolutionDescriptor");
        set_tensor = library.get<Set4d>("cudnnSetTensor4dDescriptor");
        set_filter = library.get<Set4d>("cudnnSetFilter4dDescriptor");
        set_convolution = library.get<SetConvolution>("cudnnSetConvolution2dDescriptor");
        set_math = library.get<int(void*, int)>("cudnnSetConvolutionMathType");
        workspace_size = library.get<WorkspaceSize>("cudnnGetConvolutionForwardWorkspaceSize");
        forward = library.get<Forward>("cudnnConvolutionForward");
    }

    // Tries every algorithm on these data and keeps the fastest, with its workspace.
    void choose(Convolution& c, const Run<float>& r) const {
        double best = 0;
        Convolution trial = c;
        for (trial.algorithm = 0; trial.algorithm < ALGORITHMS; trial.algorithm++) {
            if (workspace_size(handle, c.x, c.w, c.descriptor, c.y, trial.algorithm, &trial.bytes))
                continue;  // not for this shape
            if (cudaMalloc(&trial.workspace, trial.bytes + 1) != cudaSuccess) {
                cudaGetLastError();
                continue;
            }
            double us = run(trial, r) == 0 ? time(trial, r) : 0;
            if (us > 0 && (c.algorithm < 0 || us < best)) {
                cudaFree(c.workspace);
                c = trial;
                best = us;
            } else {
                cudaFree(trial.workspace);
            }
        }
        if (c.algorithm < 0) throw Failure("library", "cuDNN takes no convolution of this shape");
    }

    double time(const Convolution& c, const Run<float>& r) const {
        Timer timer;
        std::vector<double> us;
        for (int i = 0; i < 5; i++) us.push_back(timer.time([&] { run(c, r); }).us);
        return spread(us).median;
    }

    using Create = int(void**);
    using Set4d = int(void*, int, int, int, int, int, int);
    using SetConvolution = int(void*, int, int, int, int, int, int, int, int);
    using WorkspaceSize = int(void*, void*, void*, void*, void*, int, size_t*);
    using Forward = int(void*, const void*, void*, const void*, void*, const void*, void*, int, void*,
                        size_t, const void*, void*, void*);

    Library library;
    void* handle = nullptr;
    Create *create_tensor = nullptr, *create_filter = nullptr, *create_convolution = nullptr;
    Set4d *set_tensor = nullptr, *set_filter = nullptr;
    SetConvolution* set_convolution = nullptr;
    int (*set_math)(void*, int) = nullptr;
    WorkspaceSize* workspace_size = nullptr;
    Forward* forward = nullptr;
};

// in: x (N, C, H, W), w (K, C, 3, 3); out: y (N, K, H, W); shape {N, C, K, H, W}.
inline std::vector<Version<float>> cudnn_conv3x3() {
    if (!Cudnn::get()) return {};
    static std::map<Shape, Cudnn::Convolution> chosen;
    Version<float> version;
    version.name = "cuDNN";
    version.before = [](const Run<float>& r) {
        if (!chosen.count(r.shape)) chosen[r.shape] = Cudnn::get().prepare(r);
    };
    version.launch = [](const Run<float>& r) {
        LIBRARY_CHECK(Cudnn::get().run(chosen.at(r.shape), r));
    };
    // Winograd is among its algorithms: 2.25 times fewer multiplications, or 4 times.
    version.arithmetic = 0.25;
    return {version};
}

#endif

}  // namespace harness
