"""Six numbers to int8 and back by the affine formula, against ONNX Runtime's operators.

python affine.py
"""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


# ANCHOR: five
def parameters(low, high):
    """int8 codes -128 … 127 spread over [low, high]."""
    scale = (high - low) / 255
    return scale, int(np.rint(-128 - low / scale))


def quantise(x, scale, zero):
    return np.clip(np.rint(x / scale) + zero, -128, 127)


def dequantise(q, scale, zero):
    return (q - zero) * scale


# ANCHOR_END: five


def by_runtime(x, scale, zero):
    """QuantizeLinear and DequantizeLinear of ONNX Runtime."""
    node = helper.make_node
    graph = helper.make_graph(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ],
        "affine",
        [
            helper.make_tensor_value_info(
                "x", TensorProto.FLOAT, [None]
            ),
            helper.make_tensor_value_info(
                "s", TensorProto.FLOAT, []
            ),
            helper.make_tensor_value_info(
                "z", TensorProto.INT8, []
            ),
        ],
        [
            helper.make_tensor_value_info(
                "q", TensorProto.INT8, [None]
            ),
            helper.make_tensor_value_info(
                "y", TensorProto.FLOAT, [None]
            ),
        ],
    )
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(
        graph, opset_imports=opset, ir_version=10
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    return session.run(
        None,
        {
            "x": x.astype(np.float32),
            "s": np.array(scale, np.float32),
            "z": np.array(zero, np.int8),
        },
    )


def main():
    x = np.array([-1.0, -0.3, 0.0, 0.42, 3.0, 3.5])
    scale, zero = parameters(-1.0, 3.0)
    q = quantise(x, scale, zero)
    y = dequantise(q, scale, zero)
    want_q, want_y = by_runtime(x, scale, zero)
    if not np.array_equal(q, want_q):
        sys.exit(
            f"codes {q.astype(int)}, ONNX Runtime has {want_q}"
        )
    if not np.allclose(y, want_y, rtol=0, atol=1e-6):
        sys.exit(
            "the values that come back differ from ONNX Runtime's"
        )
    print(f"scale {scale:.6f}, zero point {zero}")
    print("     x     q   back    error")
    for a, b, c in zip(x, q, y):
        print(f"{a:6.2f} {int(b):5d} {c:6.3f} {c - a:8.3f}")


if __name__ == "__main__":
    main()
