"""A transformer's MLP split over t ranks: by columns, then by rows, with one all-reduce.

The split one must give what the whole one gives, forward and backward.

    $ python mlp.py
"""

import math
import sys

import numpy as np

# FFN is no multiple of 2 or 4: the last ranks get less.
TOKENS, HIDDEN, FFN = 5, 6, 21


def gelu(x):
    """Return the exact GeLU of each element."""
    return (
        0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    )


def gelu_slope(x):
    """Return its derivative."""
    bell = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (
        0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
        + x * bell
    )


def all_reduce(parts):
    """Every rank gets the sum over all ranks; the sum goes rank by rank."""
    return [sum(parts)] * len(parts)


def split(A, b1, B, t):
    """A by columns (with its bias), B by rows: t ranks."""
    A_parts = np.array_split(A, t, axis=1)
    b1_parts = np.array_split(b1, t)
    B_parts = np.array_split(B, t, axis=0)
    return list(zip(A_parts, b1_parts, B_parts, strict=True))


# ANCHOR: forward
def forward(X, shards, b2):
    """X is whole on every rank, and so is the result."""
    partial = []
    for A_r, b1_r, B_r in shards:  # each rank alone
        Y_r = gelu(X @ A_r + b1_r)  # its columns of Y, final
        partial.append(Y_r @ B_r)  # a partial sum
    return [Z + b2 for Z in all_reduce(partial)]
    # ANCHOR_END: forward


# ANCHOR: backward
def input_gradient(X, shards, dZ):
    """dZ is whole on every rank, and so is the result."""
    partial = []
    for A_r, b1_r, B_r in shards:
        dY_r = dZ @ B_r.T  # no communication
        dH_r = dY_r * gelu_slope(X @ A_r + b1_r)
        partial.append(dH_r @ A_r.T)  # a partial sum
    return all_reduce(partial)  # the second one
    # ANCHOR_END: backward


def close(what, got, want):
    """Exit unless both have the same shape and values."""
    worst = np.abs(got - want).max()
    if got.shape != want.shape or not (worst <= 1e-12):
        sys.exit(f"{what}: off by {worst:.2g}")


def check():
    """Compare every rank of 1 to 4 with the whole MLP, in FP64."""
    rng = np.random.default_rng(7)
    for t in (1, 2, 3, 4):
        X, dZ = rng.normal(size=(2, TOKENS, HIDDEN))
        A, b1 = (
            rng.normal(size=(HIDDEN, FFN)),
            rng.normal(size=FFN),
        )
        B, b2 = (
            rng.normal(size=(FFN, HIDDEN)),
            rng.normal(size=HIDDEN),
        )
        H = X @ A + b1
        shards = split(A, b1, B, t)
        for rank, Z in enumerate(forward(X, shards, b2)):
            close(
                f"t = {t}, output of rank {rank}",
                Z,
                gelu(H) @ B + b2,
            )
        dX = (dZ @ B.T * gelu_slope(H)) @ A.T
        for rank, got in enumerate(
            input_gradient(X, shards, dZ)
        ):
            close(f"t = {t}, gradient of rank {rank}", got, dX)


def main():
    """Check, then say what was checked."""
    check()
    print("t = 1, 2, 3, 4: output and gradient")
    print("equal those of the whole MLP")


if __name__ == "__main__":
    main()
