"""A TensorFlow operator in C++: registered, compiled, loaded, given a gradient, tested.

Run: python keep_first.py   (compiles with g++ against the installed TensorFlow)
"""

import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import numpy as np
import tensorflow as tf

SOURCE = r"""
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
using namespace tensorflow;

// ANCHOR: interface
REGISTER_OP("KeepFirst")
    .Input("x: float")
    .Output("y: float")
    .SetShapeFn([](shape_inference::InferenceContext* c) {
      c->set_output(0, c->input(0));
      return absl::OkStatus();
    });
// ANCHOR_END: interface

// ANCHOR: kernel
class KeepFirstOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* ctx) override {
    const Tensor& x = ctx->input(0);
    Tensor* y = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            0, x.shape(), &y));
    auto in = x.flat<float>();
    auto out = y->flat<float>();
    for (int64_t i = 0; i < in.size(); ++i)
      out(i) = i == 0 ? in(i) : 0.0f;
  }
};
REGISTER_KERNEL_BUILDER(
    Name("KeepFirst").Device(DEVICE_CPU), KeepFirstOp);
// ANCHOR_END: kernel
"""


def compile_library(folder: str) -> str:
    source = os.path.join(folder, "op.cc")
    library = os.path.join(folder, "op.so")
    with open(source, "w") as file:
        file.write(SOURCE)
    flags = (
        tf.sysconfig.get_compile_flags()
        + tf.sysconfig.get_link_flags()
    )
    options = "-O1 -shared -fPIC -w -o".split()
    subprocess.run(
        ["g++", source, *options, library, *flags], check=True
    )
    return library


# ANCHOR: load
def load(path):
    module = tf.load_op_library(path)

    @tf.RegisterGradient("KeepFirst")
    def _(op, grad):
        return module.keep_first(grad)

    return module.keep_first


# ANCHOR_END: load


def stop(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        keep_first = load(compile_library(folder))
    x = tf.constant([[5.0, -4.0, 3.0], [2.0, 7.0, 1.0]])
    got = keep_first(x).numpy()
    want = np.zeros((2, 3))
    want[0, 0] = 5.0
    if not np.array_equal(got, want):
        stop(f"got {got.tolist()}, not {want.tolist()}")
    theory, numeric = tf.test.compute_gradient(keep_first, [x])
    if not np.abs(theory[0] - numeric[0]).max() <= 1e-2:
        stop("the registered gradient is not the numerical one")
    shape = (
        tf.function(keep_first)
        .get_concrete_function(tf.TensorSpec([None, 3]))
        .output_shapes
    )
    if shape.rank is None or shape.as_list() != [None, 3]:
        stop(
            f"traced with [None, 3], the result has shape {shape}"
        )
    print("python name:", keep_first.__name__)
    print("eager:", got.tolist())
    print("traced with [None, 3]:", shape)


main()
