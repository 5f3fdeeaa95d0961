"""Sums of FP32 numbers: the order changes the result; naive, pairwise and Kahan against FP64.

python order.py
"""

import sys
from math import fsum

import numpy as np

F = np.float32


# ANCHOR: naive
def naive(x):
    s = F(0)
    for v in x:
        s = s + v
    return s


# ANCHOR_END: naive


# ANCHOR: pairwise
def pairwise(x):
    """The tree that a parallel reduction builds."""
    if len(x) == 1:
        return x[0]
    m = len(x) // 2
    return pairwise(x[:m]) + pairwise(x[m:])


# ANCHOR_END: pairwise


# ANCHOR: kahan
def kahan(x):
    s, c = F(0), F(0)
    for v in x:
        y = v - c  # put back what was lost
        t = s + y
        c = (t - s) - y  # what is lost now
        s = t
    return s


# ANCHOR_END: kahan


def check(errors, x):
    """Each method within its bound: n, log2 n and 2 roundings (u = 2^-24) of sum |x|."""
    u, total = 2.0**-24, fsum(abs(float(v)) for v in x)
    n = len(x)
    bounds = {
        "naive": n * u * total,
        "pairwise": (np.ceil(np.log2(n)) + 1) * u * total,
        "Kahan": (2 * u + n * u * u * 4) * total,
    }
    for name, e in errors.items():
        if not abs(e) <= bounds[name]:
            sys.exit(f"{name}: error {e}, bound {bounds[name]}")


def main():
    a, b, c = F(2.0**24), F(1), F(-(2.0**24))
    left, right = (a + b) + c, a + (b + c)
    if not (left == 0 and right == 1):
        sys.exit(
            "2^24, 1, -2^24: the orders do not give 0 and 1"
        )
    print(f"(2^24 + 1) - 2^24 = {left:.0f}")
    print(f"2^24 + (1 - 2^24) = {right:.0f}")
    rng = np.random.default_rng(4)
    x = rng.random(200003).astype(F)
    exact = fsum(float(v) for v in x)
    sums = {
        "naive": naive(x),
        "pairwise": pairwise(x),
        "Kahan": kahan(x),
    }
    errors = {k: float(v) - exact for k, v in sums.items()}
    check(errors, x)
    back = float(naive(x[::-1])) - exact
    if not back != errors["naive"]:
        sys.exit("the reversed sum is the same: a poor example")
    print("sum of 200003 values, error in FP32")
    for name, e in errors.items():
        print(f"{name:<10}{abs(e):9.4f}")
    print(f"{'reversed':<10}{abs(back):9.4f}")


if __name__ == "__main__":
    main()
