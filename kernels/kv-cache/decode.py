"""One decoder layer's attention token by token with a KV cache: the same output as recomputing
the whole prefix at every step, with far fewer projected rows.

Run: python decode.py
"""

import sys

import numpy as np

rng = np.random.default_rng(9)
D, N = 12, 10
Wq, Wk, Wv = (
    rng.normal(size=(D, D)) / np.sqrt(D) for _ in range(3)
)
X = rng.normal(size=(N, D))
rows = {"cache": 0, "recompute": 0}


def attend(q, K, V):
    s = K @ q / np.sqrt(len(q))
    p = np.exp(s - s.max())
    return p @ V / p.sum()


# ANCHOR: decode
class KVCache:
    def __init__(self):
        self.K, self.V = np.empty((0, D)), np.empty((0, D))

    def step(self, x):  # x: the new token
        self.K = np.vstack([self.K, x @ Wk])
        self.V = np.vstack([self.V, x @ Wv])
        return attend(x @ Wq, self.K, self.V)


# ANCHOR_END: decode


def recompute(t):
    """Attention of token t without a cache: K and V of the whole prefix again."""
    return attend(X[t] @ Wq, X[: t + 1] @ Wk, X[: t + 1] @ Wv)


def main():
    cache = KVCache()
    for t in range(N):
        got, want = cache.step(X[t]), recompute(t)
        rows["cache"] += 1
        rows["recompute"] += t + 1
        err = np.abs(got - want).max()
        if not err <= 1e-12:
            print(
                f"token {t}: off by {err:.2f}", file=sys.stderr
            )
            sys.exit(1)
    if len(cache.K) != N:
        print(
            f"{len(cache.K)} rows cached, not {N}",
            file=sys.stderr,
        )
        sys.exit(1)
    print(f"{N} tokens: the same outputs")
    print(
        f"rows through Wk: {rows['cache']} cached, {rows['recompute']} recomputed"
    )


main()
