"""Softmax over rows, fused into one Triton kernel.

Run: python softmax.py
"""

import sys

import numpy as np
import torch
import triton
import triton.language as tl


# ANCHOR: kernel
@triton.jit
def softmax_kernel(
    x, y, x_stride, y_stride, n, BLOCK: tl.constexpr
):
    row = tl.program_id(0)  # one program a row
    col = tl.arange(0, BLOCK)
    inside = col < n
    v = tl.load(
        x + row * x_stride + col,
        mask=inside,
        other=-float("inf"),
    )
    v = tl.exp(v - tl.max(v, axis=0))
    v = v / tl.sum(v, axis=0)
    tl.store(y + row * y_stride + col, v, mask=inside)


def softmax(x: torch.Tensor, y: torch.Tensor) -> None:
    rows, n = x.shape
    softmax_kernel[(rows,)](
        x,
        y,
        x.stride(0),
        y.stride(0),
        n,
        BLOCK=triton.next_power_of_2(n),
    )
    # ANCHOR_END: kernel


BOUND = 2e-6
POISON = -7.0


def stop(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(1)


def check(rows: int, n: int, shift: float) -> None:
    """Compare with the definition in fp64, on slices of wider matrices."""
    generator = np.random.default_rng(1000 * rows + n)
    host = generator.uniform(-8, 8, (rows, n + 5)).astype(
        np.float32
    )
    host += np.float32(shift)
    wide = torch.full((rows + 1, n + 3), POISON, device="cuda")
    softmax(
        torch.from_numpy(host).cuda()[:, :n], wide[:rows, :n]
    )
    out = wide.cpu().numpy().astype(np.float64)

    x = host[:, :n].astype(np.float64)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    want = e / e.sum(axis=1, keepdims=True)
    where = f"{rows} rows of {n}, shifted by {shift:g}"
    outside = np.concatenate(
        [out[:rows, n:].ravel(), out[rows]]
    )
    if not np.isfinite(out[:rows, :n]).all():
        stop(f"{where}: not finite")
    if not (outside == POISON).all():
        stop(f"{where}: written outside the output")
    if not np.abs(out[:rows, :n] - want).max() <= BOUND:
        stop(f"{where}: differs from the definition")
    block = triton.next_power_of_2(n)
    print(
        f"{where}: right, {block - n} of {block} lanes masked"
    )


def main() -> None:
    for rows, n in (
        (1, 1),
        (3, 7),
        (5, 64),
        (17, 1000),
        (4, 4097),
    ):
        check(rows, n, 0)
    check(17, 1000, 300)
    check(17, 1000, -300)


main()
