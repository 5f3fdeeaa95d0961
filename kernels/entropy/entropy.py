"""Entropy, cross-entropy and KL divergence in bits. Checked against the mean code length of
ideal codes counted over long messages, and H(p, q) = H(p) + KL(p || q).

Run: python entropy.py
"""

import sys
from math import isclose, log2


# ANCHOR: entropy
def H(p):
    return -sum(x * log2(x) for x in p if x > 0)


def cross(p, q):  # nats: use log
    return -sum(x * log2(y) for x, y in zip(p, q) if x > 0)


def KL(p, q):
    return cross(p, q) - H(p)


# ANCHOR_END: entropy


def multinomial_bits(counts):
    """log2 of how many messages have these counts, per letter: tends to the entropy."""
    n, bits, used = sum(counts), 0.0, 0
    for c in counts:
        for k in range(1, c + 1):
            used += 1
            bits += log2(used) - log2(k)
    return bits / n


def main():
    p, q = (0.9, 0.1), (0.5, 0.5)
    kl = sum(x * log2(x / y) for x, y in zip(p, q))
    if not isclose(KL(p, q), kl, abs_tol=1e-12):
        print(
            f"H(p,q) - H(p) = {KL(p, q)}, but KL = {kl}",
            file=sys.stderr,
        )
        sys.exit(1)
    for pr in (p, q, (0.5, 0.25, 0.125, 0.125)):
        counted = multinomial_bits(
            [round(x * 200_000) for x in pr]
        )
        if not abs(H(pr) - counted) <= 2e-3:
            print(
                f"H{pr} = {H(pr):.4f}, counted {counted:.4f}",
                file=sys.stderr,
            )
            sys.exit(1)
    print(f"fair coin:         H = {H(q):.3f} bit")
    print(f"90/10 coin:        H = {H(p):.3f} bit")
    print(f"p 90/10, q fair:   H(p,q) = {cross(p, q):.3f}")
    print(f"p fair, q 90/10:   H(p,q) = {cross(q, p):.3f}")
    print(
        f"KL(p||q) = {KL(p, q):.3f}, KL(q||p) = {KL(q, p):.3f}"
    )


main()
