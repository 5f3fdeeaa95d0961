"""Exports a PyTorch module to ONNX with a symbolic batch size and runs it at another batch.

Run: python export.py
"""

import io
import logging
import sys
import warnings

import onnx
import onnxruntime as ort
import torch

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.manual_seed(3)


class Head(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 3)

    def forward(self, x):
        return torch.softmax(self.fc(x), dim=-1)


# ANCHOR: export
def export(model, example):
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        model,
        (example,),
        dynamo=True,
        opset_version=20,
        input_names=["x"],
        output_names=["p"],
        dynamic_shapes=({0: batch},),
        verbose=False,
    )
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()


# ANCHOR_END: export


def stop(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(1)


def run(blob: bytes, x: torch.Tensor) -> torch.Tensor:
    session = ort.InferenceSession(
        blob, providers=["CPUExecutionProvider"]
    )
    try:
        return torch.from_numpy(
            session.run(None, {"x": x.numpy()})[0]
        )
    except Exception as error:
        lines = [
            line.strip()
            for line in str(error).splitlines()
            if line.strip()
        ]
        stop("ONNX Runtime: " + " ".join(lines[:2]))


def main() -> None:
    model = Head().eval()
    blob = export(model, torch.randn(2, 4))
    proto = onnx.load_from_string(blob)
    onnx.checker.check_model(proto)
    for batch in (2, 7):
        x = torch.randn(batch, 4)
        error = (run(blob, x) - model(x)).abs().max().item()
        if not error <= 1e-6:
            stop(
                f"ONNX Runtime differs from PyTorch by {error:.1e}"
            )
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    print("input", [d.dim_param or d.dim_value for d in shape])
    print("opset", proto.opset_import[0].version)
    print("nodes", [n.op_type for n in proto.graph.node])


main()
