"""TVM from import to the VM: a Relax module, its pipeline, the kernels it fused, a run.

Run: python mlp.py
"""

import sys

import numpy as np
import torch
import tvm
from torch import nn
from tvm import relax
from tvm.relax.frontend.torch import from_exported_program

torch.manual_seed(4)
model = nn.Sequential(
    nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)
).eval()
x = torch.randn(5, 6)


# ANCHOR: import
def import_model():
    program = torch.export.export(model, (x,))
    return from_exported_program(program)


# ANCHOR_END: import


# ANCHOR: lower
lower = tvm.ir.transform.Sequential(
    [
        relax.transform.LegalizeOps(),  # ops → call_tir
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FoldConstant(),
        relax.transform.FuseOps(),  # group them
        relax.transform.FuseTIR(),  # one PrimFunc a group
    ]
)
# ANCHOR_END: lower


# ANCHOR: run
def build_and_run(mod):
    exe = tvm.compile(mod, target="llvm")
    vm = relax.VirtualMachine(exe, tvm.cpu())
    return vm["main"](tvm.runtime.tensor(x.numpy()))[0]


# ANCHOR_END: run


def kernels(mod) -> list[str]:
    return sorted(
        g.name_hint
        for g, f in mod.functions_items()
        if isinstance(f, tvm.tirx.PrimFunc)
    )


def main() -> None:
    mod = import_model()
    print(
        "imported:",
        [g.name_hint for g in mod.get_global_vars()],
    )
    print(
        "legalised:",
        kernels(relax.transform.LegalizeOps()(mod)),
    )
    fused = lower(mod)
    print("fused:", kernels(fused))
    got = build_and_run(fused).numpy()
    w = [
        p.detach().double().numpy() for p in model.parameters()
    ]
    hidden = np.maximum(x.double().numpy() @ w[0].T + w[1], 0)
    error = np.abs(got - (hidden @ w[2].T + w[3])).max()
    if not error <= 1e-5:
        print(
            f"TVM differs from the definition by {error:.1e}",
            file=sys.stderr,
        )
        sys.exit(1)


main()
