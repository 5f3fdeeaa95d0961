"""An int8 matrix product with zero points: expanded into four terms, exact in int32.

python gemm.py
"""

import sys

import numpy as np


# ANCHOR: prepare
def prepare(q_w, z_a, z_w):
    """Once per model: all that needs the weights alone."""
    column_sums = q_w.sum(axis=0, dtype=np.int32)
    depth = q_w.shape[0]
    return depth * z_a * z_w - z_a * column_sums


# ANCHOR_END: prepare


# ANCHOR: gemm
def gemm(q_a, q_w, z_w, constant):
    """Sum of (q_a - z_a) * (q_w - z_w), shifting no matrix."""
    dot = q_a.astype(np.int32) @ q_w.astype(np.int32)
    row_sums = q_a.sum(axis=1, dtype=np.int32)
    return dot - z_w * row_sums[:, None] + constant


# ANCHOR_END: gemm


def quantise(x):
    """Asymmetric int8 with 0 representable: (codes, scale, zero point)."""
    low, high = min(x.min(), 0.0), max(x.max(), 0.0)
    scale = (high - low) / 255
    zero = int(np.rint(-128 - low / scale))
    q = np.clip(np.rint(x / scale) + zero, -128, 127)
    return q.astype(np.int8), scale, zero


def definition(q_a, z_a, q_w, z_w):
    """The product as it is defined, in Python integers, which cannot overflow."""
    rows, depth, columns = *q_a.shape, q_w.shape[1]
    a = [[int(v) - z_a for v in row] for row in q_a]
    w = [[int(v) - z_w for v in row] for row in q_w]
    return [
        [
            sum(a[i][k] * w[k][j] for k in range(depth))
            for j in range(columns)
        ]
        for i in range(rows)
    ]


def check(name, q_a, z_a, q_w, z_w):
    got = gemm(q_a, q_w, z_w, prepare(q_w, z_a, z_w))
    want = definition(q_a, z_a, q_w, z_w)
    wrong = sum(
        int(g) != v
        for row, expected in zip(got, want)
        for g, v in zip(row, expected)
    )
    if wrong:
        worst = max(
            abs(int(g) - v)
            for row, expected in zip(got, want)
            for g, v in zip(row, expected)
        )
        sys.exit(
            f"{name}: {wrong} of {got.size} sums are wrong, by up to {worst}"
        )
    return got


def by_hand():
    """One dot product of three terms, each of the four sums printed."""
    q_a = np.array([[10, -20, 30]], np.int8)
    q_w = np.array([[4], [-6], [8]], np.int8)
    z_a, z_w = -5, 2
    total = check("three terms", q_a, z_a, q_w, z_w)
    dot = sum(
        int(a) * int(w) for a, w in zip(q_a[0], q_w[:, 0])
    )
    print("q_a = 10 -20 30, z_a = -5")
    print("q_w =  4  -6  8, z_w =  2")
    print(f"  sum q_a q_w      {dot:5d}")
    print(f"- z_w sum q_a      {-z_w * int(q_a.sum()):5d}")
    print(f"- z_a sum q_w      {-z_a * int(q_w.sum()):5d}")
    print(f"+ K z_a z_w        {3 * z_a * z_w:5d}")
    print(f"= sum of products  {int(total[0, 0]):5d}")


def main():
    by_hand()
    rng = np.random.default_rng(3)
    a = np.maximum(rng.standard_normal((37, 301)) + 0.4, 0)
    w = rng.standard_normal((301, 53)) * 0.1 + 0.03
    q_a, s_a, z_a = quantise(a)
    q_w, s_w, z_w = quantise(w)
    y = check("37 x 301 x 53", q_a, z_a, q_w, z_w) * (s_a * s_w)
    error = np.linalg.norm(y - a @ w) / np.linalg.norm(a @ w)
    if not error < 0.02:
        sys.exit(f"the rescaled product is {error:.3f} off")
    limit = np.iinfo(np.int32).max
    symmetric, any_zero = limit // 128**2, limit // 255**2
    if not any_zero > 301:
        sys.exit("int32 is too narrow")
    print("37 x 301 x 53: integer sums exact")
    print(f"rescaled: {error:.2%} off the float product")
    print(f"safe K: {symmetric} (z = 0), {any_zero} (any z)")


if __name__ == "__main__":
    main()
