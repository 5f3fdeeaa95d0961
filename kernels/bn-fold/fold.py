"""Folds an inference-time BatchNorm into the convolution before it, with and without a bias.

Checked in fp64 against the definitions: a convolution by loops, then BatchNorm on its output.
Run: python fold.py
"""

import sys

import numpy as np


# ANCHOR: fold
def fold(w, b, gamma, beta, mean, var, eps):
    """w: (out, in, kh, kw); b may be None."""
    scale = gamma / np.sqrt(var + eps)
    if b is None:
        b = np.zeros(len(w))
    w_new = w * scale[:, None, None, None]
    b_new = (b - mean) * scale + beta
    return w_new, b_new


# ANCHOR_END: fold


def convolve(x, w, b):
    """x: (in, h, w), no padding; from the definition, one multiplication at a time."""
    c_out, c_in, kh, kw = w.shape
    h, wide = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    y = np.zeros((c_out, h, wide))
    for o, i, j in np.ndindex(y.shape):
        total = 0.0 if b is None else b[o]
        for c, p, q in np.ndindex((c_in, kh, kw)):
            total += w[o, c, p, q] * x[c, i + p, j + q]
        y[o, i, j] = total
    return y


def batch_norm(y, gamma, beta, mean, var, eps):
    """y: (out, h, w); each channel with its own four numbers."""
    out = np.empty_like(y)
    for o in range(len(y)):
        out[o] = (
            gamma[o] * (y[o] - mean[o]) / np.sqrt(var[o] + eps)
            + beta[o]
        )
    return out


def check(rng, bias):
    """The largest difference between folded and unfolded; one variance is as small as eps."""
    x = rng.standard_normal((3, 7, 6))
    w = rng.standard_normal((5, 3, 3, 2))
    b = rng.standard_normal(5) if bias else None
    gamma, beta = rng.uniform(0.5, 2, 5), rng.standard_normal(5)
    mean, var, eps = (
        rng.standard_normal(5),
        rng.uniform(0.1, 3, 5),
        1e-3,
    )
    var[2] = 1e-3
    reference = batch_norm(
        convolve(x, w, b), gamma, beta, mean, var, eps
    )
    folded = convolve(
        x, *fold(w, b, gamma, beta, mean, var, eps)
    )
    return np.abs(folded - reference).max()


def worked_example():
    """One channel, one weight, with figures that a learner can follow by hand."""
    gamma, beta, mean, var, eps = (
        np.array([v]) for v in (1.5, 0.5, 0.4, 0.24, 0.01)
    )
    x, w, b = (
        np.full((1, 1, 1), 2.0),
        np.full((1, 1, 1, 1), 0.2),
        np.array([0.1]),
    )
    w_new, b_new = fold(w, b, gamma, beta, mean, var, eps)
    plain = batch_norm(
        convolve(x, w, b), gamma, beta, mean, var, eps
    ).item()
    folded = convolve(x, w_new, b_new).item()
    print(
        f"scale   1.5 / sqrt(0.24 + 0.01) = {(w_new / w).item():.1f}"
    )
    print(f"weight  0.2 * scale = {w_new.item():.1f}")
    print(
        f"bias    (0.1 - 0.4) * scale + 0.5 = {b_new.item():.1f}"
    )
    print(f"x = 2   conv + BN {plain:.1f}, folded {folded:.1f}")


def main():
    """Check with and without a bias, then print the worked example; 1 on a failure."""
    rng = np.random.default_rng(11)
    for bias in (True, False):
        error = check(rng, bias)
        if not error <= 1e-12:
            what = "with" if bias else "without"
            print(
                f"convolution {what} bias: folded differs by {error:.2g}",
                file=sys.stderr,
            )
            return 1
    worked_example()
    return 0


sys.exit(main())
