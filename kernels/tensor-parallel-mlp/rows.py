"""The MLP with its first matrix split by rows: then the sum must come before the GeLU.

$ python rows.py
"""

import math
import sys

import numpy as np


def gelu(x):
    """Return the exact GeLU of each element."""
    return (
        0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    )


def all_reduce(parts):
    """Return the sum over all ranks, which each rank gets."""
    return sum(parts)


# ANCHOR: rows
def forward(X, A, B, t):
    """A by rows, X by columns; then B by rows."""
    X_r = np.array_split(X, t, axis=1)
    A_r = np.array_split(A, t, axis=0)
    H = all_reduce([X_r[r] @ A_r[r] for r in range(t)])
    Y_r = np.array_split(gelu(H), t, axis=1)
    B_r = np.array_split(B, t, axis=0)
    return all_reduce([Y_r[r] @ B_r[r] for r in range(t)])
    # ANCHOR_END: rows


def main():
    """Compare with the whole MLP, in FP64."""
    rng = np.random.default_rng(11)
    X, A, B = (
        rng.normal(size=(5, 7)),
        rng.normal(size=(7, 9)),
        rng.normal(size=(9, 7)),
    )
    want = gelu(X @ A) @ B
    for t in (1, 2, 3):
        got = forward(X, A, B, t)
        worst = np.abs(got - want).max()
        if got.shape != want.shape or not (worst <= 1e-12):
            sys.exit(f"t = {t}: off by {worst:.2g}")
    print("two all-reduces for one forward pass")


if __name__ == "__main__":
    main()
