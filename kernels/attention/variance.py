"""Why attention divides by sqrt(d): the spread of q.k for independent entries of variance 1,
and what it does to the largest softmax weight over 64 keys.

Run: python variance.py
"""

import sys

import numpy as np


# ANCHOR: variance
def spread(rng, d, keys=64, trials=4000):
    q = rng.normal(size=(trials, 1, d))
    k = rng.normal(size=(trials, d, keys))
    s = (q @ k)[:, 0]  # (trials, keys)
    return s, s / np.sqrt(d)


def top_weight(s):
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return (p.max(axis=1) / p.sum(axis=1)).mean()


# ANCHOR_END: variance


def main():
    rng = np.random.default_rng(5)
    failed = False
    print("  d  var(q.k)/d  top weight: raw, scaled")
    for d in (16, 64, 128):
        raw, scaled = spread(rng, d)
        ratio = raw.var() / d
        if not abs(ratio - 1) <= 0.05:
            print(
                f"d = {d}: variance {raw.var():.1f}, not {d}",
                file=sys.stderr,
            )
            failed = True
        print(
            f"{d:3}  {ratio:10.1f}  {top_weight(raw):15.2f}, {top_weight(scaled):.2f}"
        )
    sys.exit(failed)


main()
