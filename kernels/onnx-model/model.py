"""Builds an ONNX model by hand, checks it, infers shapes and runs it.

Run: python model.py
"""

import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import (
    TensorProto,
    helper,
    numpy_helper,
    shape_inference,
)

rng = np.random.default_rng(5)
W = rng.standard_normal((4, 3)).astype(np.float32)
B = rng.standard_normal(3).astype(np.float32)


# ANCHOR: build
def build():
    F = TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", ["x", "W"], ["h"]),
        helper.make_node("Add", ["h", "B"], ["z"]),
        helper.make_node("Relu", ["z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", F, ["n", 4])],
        [helper.make_tensor_value_info("y", F, ["n", 3])],
        [
            numpy_helper.from_array(W, "W"),
            numpy_helper.from_array(B, "B"),
        ],
    )
    return helper.make_model(
        graph,
        ir_version=10,
        opset_imports=[helper.make_opsetid("", 21)],
    )


# ANCHOR_END: build


# ANCHOR: check
def check(model):
    onnx.checker.check_model(model)
    return shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True
    )


# ANCHOR_END: check


def stop(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(1)


def checked(model):
    try:
        return check(model)
    except onnx.checker.ValidationError as error:
        stop(
            f"check_model: {' '.join(str(error).split('==>')[0].split())}"
        )
    except shape_inference.InferenceError as error:
        first = str(error).splitlines()[0]
        stop(
            f"infer_shapes: {first.split('error(s): ')[-1].strip()}"
        )


def dims(info) -> str:
    return "×".join(
        d.dim_param or str(d.dim_value)
        for d in info.type.tensor_type.shape.dim
    )


def reference(x):
    out = np.zeros((len(x), 3))
    for i in range(len(x)):
        for j in range(3):
            total = float(B[j])
            for k in range(4):
                total += float(x[i, k]) * float(W[k, j])
            out[i, j] = max(total, 0.0)
    return out


def compare(model) -> None:
    session = ort.InferenceSession(
        model.SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    for batch in (1, 5):
        x = rng.standard_normal((batch, 4)).astype(np.float32)
        error = np.abs(
            session.run(None, {"x": x})[0] - reference(x)
        ).max()
        if not error <= 1e-5:
            stop(
                f"ONNX Runtime differs from the definition by {error:.1e}"
            )


def main() -> None:
    model = checked(build())
    compare(model)
    print("IR version", model.ir_version)
    print(
        "opset",
        [
            (o.domain or "ai.onnx", o.version)
            for o in model.opset_import
        ],
    )
    print("nodes", [n.op_type for n in model.graph.node])
    print(
        "inferred",
        {v.name: dims(v) for v in model.graph.value_info},
    )


main()
