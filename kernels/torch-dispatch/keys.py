"""Which dispatch keys a tensor carries, and which one the dispatcher takes first.

Run: python keys.py
"""

import sys

import torch


# ANCHOR: keys
def keys(t: torch.Tensor) -> str:
    return str(torch._C._dispatch_keys(t))


plain = torch.ones(2)
grad = torch.ones(2, requires_grad=True)
meta = torch.ones(2, device="meta")
with torch.inference_mode():
    infer = torch.ones(2)

for name, t in [
    ("plain", plain),
    ("grad", grad),
    ("meta", meta),
    ("inference", infer),
]:
    print(name, keys(t))
# ANCHOR_END: keys


def main() -> None:
    if keys(plain) != keys(grad):
        print(
            "requires_grad changed the keys of a tensor",
            file=sys.stderr,
        )
        sys.exit(1)
    if "AutogradCPU" not in keys(plain) or "Autograd" in keys(
        infer
    ):
        print(
            "autograd key missing on a tensor, or present under inference",
            file=sys.stderr,
        )
        sys.exit(1)


main()
