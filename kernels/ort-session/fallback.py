"""What a CPU build of ONNX Runtime does when the CUDA provider is asked for: it runs on the CPU.

Three sessions of one MatMul: CUDA asked for, no provider named, CPU fallback forbidden.
Run: python fallback.py
"""

import sys
import warnings

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

X = np.arange(6, dtype=np.float32).reshape(2, 3)
W = np.arange(12, dtype=np.float32).reshape(3, 4) - 5


def build():
    """One MatMul, as bytes."""
    values = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, shape
        )
        for name, shape in (
            ("x", (2, 3)),
            ("w", (3, 4)),
            ("y", (2, 4)),
        )
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "one", values[:2], values[2:]
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    return made.SerializeToString()


def sessions(model):
    """Print what each way of opening a session gives; return those that opened."""
    # ANCHOR: fallback
    Session = ort.InferenceSession
    cuda = ["CUDAExecutionProvider"]
    asked = Session(model, providers=cuda)
    print("CUDA:", asked.get_providers())

    silent = Session(model)
    print("none:", silent.get_providers())

    options = ort.SessionOptions()
    options.add_session_config_entry(
        "session.disable_cpu_ep_fallback",
        "1",
    )
    try:
        Session(model, options, cuda)
        print("no fallback: runs")
    except Exception:
        print("no fallback: error")
    # ANCHOR_END: fallback
    return asked, silent


def main():
    """Open the sessions and check what they compute; 1 on a failure."""
    if "CUDAExecutionProvider" in ort.get_available_providers():
        print(
            "this is about a build without CUDA: pip install onnxruntime",
            file=sys.stderr,
        )
        return 1
    warnings.simplefilter("ignore")
    ort.set_default_logger_severity(4)
    product = [
        [
            sum(X[i, k] * W[k, j] for k in range(3))
            for j in range(4)
        ]
        for i in range(2)
    ]
    for session in sessions(build()):
        if not np.array_equal(
            session.run(["y"], {"x": X, "w": W})[0], product
        ):
            print("wrong product", file=sys.stderr)
            return 1
    return 0


sys.exit(main())
