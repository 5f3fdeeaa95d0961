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


def model():
    """One MatMul, as bytes."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (2, 3)), ("w", (3, 4)), ("y", (2, 4)))
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "one", values[:2], values[2:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return made.SerializeToString()


def sessions(onnx_model):
    """Print what each way of opening a session gives; return those that opened."""
    # ANCHOR: fallback
    cuda = ["CUDAExecutionProvider"]
    asked = ort.InferenceSession(onnx_model, providers=cuda)
    print("asked for CUDA:", asked.get_providers())

    silent = ort.InferenceSession(onnx_model)
    print("asked for none:", silent.get_providers())

    strict = ort.SessionOptions()
    no_cpu = "session.disable_cpu_ep_fallback"
    strict.add_session_config_entry(no_cpu, "1")
    try:
        ort.InferenceSession(onnx_model, strict, cuda)
        print("fallback forbidden: a session")
    except Exception:
        print("fallback forbidden: an error")
    # ANCHOR_END: fallback
    return asked, silent


def main():
    """Open the sessions and check what they compute; 1 on a failure."""
    if "CUDAExecutionProvider" in ort.get_available_providers():
        print("this is about a build without CUDA: pip install onnxruntime", file=sys.stderr)
        return 1
    warnings.simplefilter("ignore")
    ort.set_default_logger_severity(4)
    product = [[sum(X[i, k] * W[k, j] for k in range(3)) for j in range(4)] for i in range(2)]
    for session in sessions(model()):
        if not np.array_equal(session.run(["y"], {"x": X, "w": W})[0], product):
            print("wrong product", file=sys.stderr)
            return 1
    return 0


sys.exit(main())
