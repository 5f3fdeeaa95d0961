"""BatchNorm *before* a zero-padded convolution: folding it is exact inside, wrong at the border.

The border is off because padding adds zeros after BatchNorm, and the folded bias assumes that
every tap saw a normalised value. Run: python before.py
"""

import sys

import numpy as np


# ANCHOR: before
def fold_before(w, gamma, beta, mean, var, eps):
    """BN -> conv: scale inputs, sum shifts."""
    scale = gamma / np.sqrt(var + eps)
    shift = beta - mean * scale
    w_new = w * scale[:, None, None]
    b_new = np.einsum("oikl,i->o", w, shift)
    return w_new, b_new


# ANCHOR_END: before


def convolve_same(x, w, b):
    """3x3, one ring of zeros around x: (in, h, w)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    y = np.zeros((len(w), *x.shape[1:]))
    for o, i, j in np.ndindex(y.shape):
        total = b[o]
        for c, p, q in np.ndindex(w.shape[1:]):
            total += w[o, c, p, q] * padded[c, i + p, j + q]
        y[o, i, j] = total
    return y


def main():
    """Compare inside and border with the definition; 1 on a failure."""
    rng = np.random.default_rng(5)
    x, w = (
        rng.standard_normal((3, 6, 7)),
        rng.standard_normal((4, 3, 3, 3)),
    )
    gamma, beta = rng.uniform(0.5, 2, 3), rng.uniform(1, 2, 3)
    mean, var, eps = (
        rng.standard_normal(3),
        rng.uniform(0.5, 2, 3),
        1e-5,
    )
    column = (slice(None), None, None)
    normal = (
        gamma[column]
        * (x - mean[column])
        / np.sqrt(var + eps)[column]
        + beta[column]
    )
    reference = convolve_same(normal, w, np.zeros(4))
    error = np.abs(
        convolve_same(
            x, *fold_before(w, gamma, beta, mean, var, eps)
        )
        - reference
    )
    inside = error[:, 1:-1, 1:-1].max()
    border = error.copy()
    border[:, 1:-1, 1:-1] = 0
    if not inside <= 1e-12:
        print(
            f"inside: folded differs by {inside:.2g}",
            file=sys.stderr,
        )
        return 1
    if not border.max() > 0.1:
        print(
            "border: no difference, though padding adds zeros after BatchNorm",
            file=sys.stderr,
        )
        return 1
    print(f"inside: {'exact' if inside <= 1e-12 else 'wrong'}")
    print(f"border: off by up to {border.max():.1f}")
    return 0


sys.exit(main())
