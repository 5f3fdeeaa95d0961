"""2:4 sparsity: prune, compress with 2-bit indices, decompress, multiply.

python two_four.py
"""

import sys

import numpy as np

# PTX ISA 9.1, 9.7.14.6.1: the meaningful metadata of mma.sp::ordered_metadata
ORDERED = {0b0100, 0b1000, 0b1001, 0b1100, 0b1101, 0b1110}


# ANCHOR: prune
def prune(W):
    """Of every 4 in a row keep the 2 largest in magnitude."""
    groups = W.reshape(len(W), -1, 4)
    keep = np.argsort(np.abs(groups), axis=2)[:, :, 2:]
    out = np.zeros_like(groups)
    kept = np.take_along_axis(groups, keep, axis=2)
    np.put_along_axis(out, keep, kept, axis=2)
    return out.reshape(W.shape), np.sort(keep, axis=2)


# ANCHOR_END: prune


# ANCHOR: compress
def compress(P, keep):
    """Half the values, and 4 bits of metadata a group."""
    groups = P.reshape(len(P), -1, 4)
    values = np.take_along_axis(groups, keep, axis=2)
    first, second = keep[:, :, 0], keep[:, :, 1]
    meta = (
        first | second << 2
    )  # the lower index in the low bits
    return values.reshape(len(P), -1), meta


# ANCHOR_END: compress


# ANCHOR: multiply
def multiply(values, meta, X):
    """C = A X: metadata picks 2 of 4 rows of X."""
    m, half = values.shape
    C = np.zeros((m, X.shape[1]))
    for i in range(m):
        for g in range(half // 2):
            for t in range(2):
                k = 4 * g + (meta[i, g] >> 2 * t & 3)
                C[i] += values[i, 2 * g + t] * X[k]
    return C


# ANCHOR_END: multiply


def decompress(values, meta):
    out = np.zeros((len(values), 2 * values.shape[1]))
    for i in range(len(values)):
        for g in range(meta.shape[1]):
            for t in range(2):
                out[i, 4 * g + (meta[i, g] >> 2 * t & 3)] = (
                    values[i, 2 * g + t]
                )
    return out


def best(row):
    """The largest sum of squares that any two of the four can keep."""
    return max(
        row[i] ** 2 + row[j] ** 2
        for i in range(4)
        for j in range(i)
    )


def check(W, rng):
    P, keep = prune(W)
    groups, pruned = W.reshape(-1, 4), P.reshape(-1, 4)
    if not (np.count_nonzero(pruned, axis=1) == 2).all():
        sys.exit("a group of four does not hold two values")
    for w, p in zip(groups, pruned):
        if not abs(best(w) - np.sum(p**2)) <= 1e-12:
            sys.exit(f"{w.round(2)} was pruned to {p.round(2)}")
    values, meta = compress(P, keep)
    if not set(np.unique(meta).tolist()) <= ORDERED:
        wrong = set(np.unique(meta).tolist()) - ORDERED
        sys.exit(
            "metadata "
            + " ".join(f"{m:04b}" for m in sorted(wrong))
            + " is not allowed"
        )
    if not np.array_equal(decompress(values, meta), P):
        sys.exit("the round trip changes the matrix")
    X = rng.standard_normal((W.shape[1], 5))
    error = np.abs(
        multiply(values, meta, X) - np.einsum("ik,kj->ij", P, X)
    ).max()
    if not error <= 1e-10:
        sys.exit(f"the product is off by {error:.3g}")
    return P, values, meta


def main():
    rng = np.random.default_rng(4)
    W = rng.standard_normal((96, 256))
    P, values, meta = check(W, rng)
    check(rng.standard_normal((7, 36)), rng)
    small = np.array(
        [[0.9, -0.1, -2.0, 0.3, 0.2, 0.4, 0.0, -0.7]]
    )
    _, v, m = check(small, rng)
    print("row     ", *(f"{x:g}" for x in small[0]))
    print("values  ", *(f"{x:g}" for x in v[0]))
    print("metadata", *(f"{x:04b}" for x in m[0]))
    for name, bits in (("FP16", 16), ("INT8", 8)):
        size = values.size * bits + meta.size * 4
        print(
            f"{name}: {size / (W.size * bits):.4g} of the dense bytes"
        )
    order = np.sort(np.abs(W).ravel())
    free = np.sum(order[W.size // 2 :] ** 2) / np.sum(W**2)
    print(
        f"sum of squares kept: {np.sum(P**2) / np.sum(W**2):.1%}, any half {free:.1%}"
    )


if __name__ == "__main__":
    main()
