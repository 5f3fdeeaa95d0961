"""Multi-head attention with a causal mask, in NumPy fp32, checked in fp64 against the sums of
the definition, one query at a time, and for rows of weights that sum to 1.

Run: python attention.py
"""

import math
import sys

import numpy as np


# ANCHOR: attention
def attention(Q, K, V, causal=True):
    d = Q.shape[-1]
    # (h, n, d) @ (h, d, m) -> (h, n, m)
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(d)
    if causal:
        n, m = S.shape[-2:]
        keep = np.tri(n, m, k=m - n, dtype=bool)
        S = np.where(keep, S, -np.inf)
    S = S - S.max(axis=-1, keepdims=True)
    P = np.exp(S)
    P = P / P.sum(axis=-1, keepdims=True)
    return P @ V  # (h, n, d_v)


# ANCHOR_END: attention


def reference(Q, K, V, causal):
    """From the definition: plain sums in fp64, keys after the query's own place left out."""
    heads, n, d = Q.shape
    m = K.shape[1]
    out = np.zeros((heads, n, V.shape[2]))
    for h in range(heads):
        for i in range(n):
            seen = i + m - n + 1 if causal else m
            scores = [
                math.fsum(
                    float(a) * float(b)
                    for a, b in zip(Q[h, i], K[h, j])
                )
                / math.sqrt(d)
                for j in range(seen)
            ]
            weights = [math.exp(s) for s in scores]
            total = math.fsum(weights)
            for c in range(V.shape[2]):
                out[h, i, c] = (
                    math.fsum(
                        w * float(V[h, j, c])
                        for j, w in enumerate(weights)
                    )
                    / total
                )
    return out


def main():
    rng = np.random.default_rng(3)
    failed = False
    for n, m, causal in (
        (7, 7, True),
        (1, 9, True),
        (3, 9, True),
        (5, 6, False),
    ):
        shapes = ((2, n, 16), (2, m, 16), (2, m, 11))
        Q, K, V = (
            rng.normal(size=s).astype(np.float32)
            for s in shapes
        )
        got = attention(Q, K, V, causal)
        err = np.abs(got - reference(Q, K, V, causal)).max()
        what = f"{n} queries, {m} keys, {'causal' if causal else 'no mask'}"
        if not err <= 1e-5:
            print(f"{what}: off by {err:.2f}", file=sys.stderr)
            failed = True
            continue
        print(f"{what}: output {got.shape}, error below 1e-5")
    sys.exit(failed)


main()
