"""Which nodes are left after each graph optimisation level of ONNX Runtime (CPU provider).

A small graph: Conv, BatchNormalization, Relu, Identity, and a Mul by a constant product. The
output of every level is compared with the definitions in fp64. Run: python levels.py
"""

import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(7)
WEIGHTS = {
    "w": RNG.standard_normal((8, 3, 3, 3)),
    "b": RNG.standard_normal(8),
    "gamma": RNG.uniform(0.5, 2, 8),
    "beta": RNG.standard_normal(8),
    "mean": RNG.standard_normal(8),
    "var": RNG.uniform(0.5, 2, 8),
    "two": np.array(2.0),
    "three": np.array(3.0),
}
WEIGHTS = {
    name: array.astype(np.float32)
    for name, array in WEIGHTS.items()
}
X = RNG.standard_normal((1, 3, 9, 11)).astype(np.float32)

node = helper.make_node
NORM = ["gamma", "beta", "mean", "var"]
BN = "BatchNormalization"
# ANCHOR: graph
NODES = [
    node("Conv", ["x", "w", "b"], ["c"]),
    node(BN, ["c", *NORM], ["n"]),
    node("Relu", ["n"], ["r"]),
    node("Identity", ["r"], ["i"]),
    node("Mul", ["two", "three"], ["k"]),
    node("Mul", ["i", "k"], ["y"]),
]
# ANCHOR_END: graph
LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def build():
    """The graph with its weights, as bytes."""
    image = helper.make_tensor_value_info(
        "x", TensorProto.FLOAT, X.shape
    )
    result = helper.make_tensor_value_info(
        "y", TensorProto.FLOAT, [1, 8, 7, 9]
    )
    constants = [
        numpy_helper.from_array(array, name)
        for name, array in WEIGHTS.items()
    ]
    graph = helper.make_graph(
        NODES, "levels", [image], [result], constants
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return made.SerializeToString()


def run(model, level, folder):
    """The operators that remain, and the output."""
    path = str(Path(folder) / f"{level}.onnx")
    # ANCHOR: session
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = path
    cpu = ["CPUExecutionProvider"]
    session = ort.InferenceSession(model, options, cpu)
    # ANCHOR_END: session
    left = [short(n) for n in onnx.load(path).graph.node]
    return left, session.run(["y"], {"x": X})[0]


def short(found):
    """The operator, marked where its domain is that of the blocked layout."""
    return (
        "nchwc." if found.domain.endswith("nchwc") else ""
    ) + found.op_type


def reference():
    """The output from the definitions, in fp64."""
    w, b, gamma, beta, mean, var = (
        WEIGHTS[name].astype(np.float64)
        for name in ("w", "b", *NORM)
    )
    y = np.zeros((1, 8, 7, 9))
    for _, o, i, j in np.ndindex(y.shape):
        window = X[0, :, i : i + 3, j : j + 3].astype(
            np.float64
        )
        conv = (w[o] * window).sum() + b[o]
        y[0, o, i, j] = (
            gamma[o] * (conv - mean[o]) / np.sqrt(var[o] + 1e-5)
            + beta[o]
        )
    return np.maximum(y, 0) * 6


def main():
    """Print what is left at each level; 1 where an output is wrong."""
    ort.set_default_logger_severity(3)
    model, expected = build(), reference()
    with tempfile.TemporaryDirectory() as folder:
        for level in LEVELS:
            left, y = run(model, level, folder)
            error = np.abs(y - expected).max()
            if not error <= 1e-3:
                print(
                    f"{level}: output differs by {error:.2g}",
                    file=sys.stderr,
                )
                return 1
            print(f"{level}: {len(left)} nodes")
            print(
                textwrap.indent(
                    textwrap.fill(" ".join(left), 38), "  "
                )
            )
    return 0


sys.exit(main())
