"""One outlier channel ruins int8 activations; moving its scale into the weights repairs it.

python smooth.py
"""

import sys

import numpy as np


# ANCHOR: smooth
def smooth(x, w, alpha=0.5):
    """Same product x @ w, with x's channels evened out."""
    x_max = np.abs(x).max(axis=0)
    w_max = np.abs(w).max(axis=1)
    s = x_max**alpha / w_max ** (1 - alpha)
    return x / s, w * s[:, None]


# ANCHOR_END: smooth


# ANCHOR: fake
def fake(x, axis=None):
    """int8 and back; one scale for all, or one along axis."""
    scale = np.abs(x).max(axis=axis, keepdims=True) / 127
    return np.rint(x / scale) * scale


# ANCHOR_END: fake


def off(x, w, want):
    """Relative error of the quantised product, weights by column."""
    return np.linalg.norm(
        x @ fake(w, 0) - want
    ) / np.linalg.norm(want)


def main():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((67, 129))
    x[:, 17] *= 70
    x[:, 90] *= -50
    w = rng.standard_normal((129, 45)) * 0.05
    want = x @ w
    xs, ws = smooth(x, w)
    if not np.allclose(xs @ ws, want, rtol=0, atol=1e-9):
        worst = np.abs(xs @ ws - want).max()
        sys.exit(
            f"smoothing changed the product by up to {worst:.2f}"
        )
    rows = {
        "per tensor": fake(x),
        "per token": fake(x, 1),
        "per channel (no int8 GEMM)": fake(x, 0),
    }
    print(
        f"largest |x| over median |x|: {np.abs(x).max() / np.median(np.abs(x)):.0f}"
    )
    quiet = np.delete(np.arange(129), [17, 90])
    zeros = {
        "per tensor": np.mean(fake(x)[:, quiet] == 0),
        "smoothed": np.mean(fake(xs)[:, quiet] == 0),
    }
    results = {
        name: off(q, w, want) for name, q in rows.items()
    }
    results["smoothed, per tensor"] = off(fake(xs), ws, want)
    results["smoothed, per token"] = off(fake(xs, 1), ws, want)
    if (
        not results["smoothed, per tensor"]
        < results["per tensor"] / 2
    ):
        sys.exit("smoothing does not help")
    for name, value in results.items():
        print(f"{name:<27} {value:7.2%}")
    print(
        f"quiet values lost: {zeros['per tensor']:.0%},"
        f" smoothed {zeros['smoothed']:.0%}"
    )


if __name__ == "__main__":
    main()
