"""How often a fan-out waits for a slow part: exact, checked by a seeded simulation.

python fanout.py
"""

import random
import sys
from fractions import Fraction


# ANCHOR: fanout
def any_slow(p, n):
    """The slowest of n independent parts decides."""
    return 1 - (1 - p) ** n


# ANCHOR_END: fanout


def near(name, share, expected, runs):
    """Within five standard deviations of a binomial share."""
    sigma = float(expected * (1 - expected) / runs) ** 0.5
    if not abs(share - float(expected)) <= 5 * sigma:
        sys.exit(
            f"{name}: simulated {share:.4f}, "
            f"computed {float(expected):.4f}"
        )


def check_fanout(rng, p, n, runs):
    hits = sum(
        any(rng.random() < p for _ in range(n))
        for _ in range(runs)
    )
    near(f"fan-out {n}", hits / runs, any_slow(p, n), runs)


def main():
    rng = random.Random(11)
    p = Fraction(1, 100)
    print("parts  any slower than its p99")
    for n in (1, 3, 10, 69, 100):
        check_fanout(rng, p, n, 20011)
        print(f"{n:5d} {float(any_slow(p, n)):8.1%}")
    # A second copy of each request: slow only if both are.
    hedged = float(any_slow(p * p, 100))
    print(f"  100 {hedged:8.1%}  two copies each")


if __name__ == "__main__":
    main()
