"""Affine int8 quantisation of one tensor: symmetric against asymmetric, and their errors.

python quantise.py
"""

import sys

import numpy as np


# ANCHOR: parameters
def symmetric(x):
    """Zero stays zero; one tail may go unused."""
    return np.abs(x).max() / 127, 0


def asymmetric(x):
    """Spends all 256 codes on [min, max] with 0 inside."""
    low, high = min(x.min(), 0), max(x.max(), 0)
    scale = (high - low) / 255
    return scale, int(np.rint(-128 - low / scale))


# ANCHOR_END: parameters


# ANCHOR: quantise
def quantise(x, scale, zero, lowest):
    q = np.rint(x / scale) + zero
    return np.clip(q, lowest, 127).astype(np.int8)


def dequantise(q, scale, zero):
    return (q.astype(np.int32) - zero) * scale


# ANCHOR_END: quantise


def reference(x, scale, zero, lowest):
    """Search the nearest of all codes, which is the definition, one value at a time."""
    codes = np.arange(lowest, 128)
    values = (codes - zero) * scale
    return np.array([np.abs(values - v).min() for v in x])


def check(name, x, scale, zero, lowest):
    """Return the error of the round trip; stop where it is above that of the nearest code."""
    q = quantise(x, scale, zero, lowest)
    error = np.abs(dequantise(q, scale, zero) - x)
    nearest = reference(x, scale, zero, lowest)
    if not np.all(error <= nearest + 1e-9):
        worst = float((error - nearest).max() / scale)
        sys.exit(
            f"{name}: off by {worst:.1f} steps more than the nearest code"
        )
    if (
        dequantise(
            quantise(np.zeros(1), scale, zero, lowest),
            scale,
            zero,
        )[0]
        != 0
    ):
        sys.exit(f"{name}: 0 does not come back as 0")
    return error


def main():
    rng = np.random.default_rng(7)
    normal = rng.standard_normal(10007)
    tensors = {
        "weights, N(0, 1)": normal,
        "after ReLU": np.maximum(normal, 0) * 3,
    }
    print(
        f"{'tensor':<17} {'kind':<10} {'scale':>7} {'zero':>5} {'max':>7} {'rms':>7}"
    )
    for name, x in tensors.items():
        for kind, lowest in (
            (symmetric, -127),
            (asymmetric, -128),
        ):
            scale, zero = kind(x)
            error = check(
                f"{name}, {kind.__name__}",
                x,
                scale,
                zero,
                lowest,
            )
            rms = float(np.sqrt(np.mean(error**2)))
            print(
                f"{name:<17} {kind.__name__:<10} {scale:7.4f} {zero:5d} "
                f"{error.max():7.4f} {rms:7.4f}"
            )


if __name__ == "__main__":
    main()
