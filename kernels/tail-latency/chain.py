"""p99 of a chain of three stages: exact convolution, checked by a seeded simulation.

python chain.py
"""

import random
import sys
from fractions import Fraction


# ANCHOR: chain
def convolve(x, y):
    """Distribution of a sum of independent latencies."""
    total = {}
    for a, p in x.items():
        for b, q in y.items():
            total[a + b] = total.get(a + b, 0) + p * q
    return total


def percentile(distribution, share):
    """The smallest latency that `share` of runs meet."""
    below = 0
    for latency, p in sorted(distribution.items()):
        below += p
        if below >= share:
            return latency
    raise ValueError(share)


# ANCHOR_END: chain


# ANCHOR: stage
def stage(slow):
    """10 ms, but 30 ms in the share `slow` of the frames."""
    return {10: 1 - slow, 30: slow}


def chain(slow):
    one = stage(slow)
    return convolve(convolve(one, one), one)


# ANCHOR_END: stage


def near(name, share, expected, runs):
    """Within five standard deviations of a binomial share."""
    sigma = float(expected * (1 - expected) / runs) ** 0.5
    if not abs(share - float(expected)) <= 5 * sigma:
        sys.exit(
            f"{name}: simulated {share:.4f}, "
            f"computed {float(expected):.4f}"
        )


def check_chain(rng, slow, runs):
    """Empirical P(latency <= t) against the convolution, for every t."""
    seen = [
        sum(30 if rng.random() < slow else 10 for _ in range(3))
        for _ in range(runs)
    ]
    exact = chain(slow)
    if sum(exact.values()) != 1:
        sys.exit("chain: probabilities do not add up to 1")
    for t in exact:
        share = sum(s <= t for s in seen) / runs
        below = sum(p for s, p in exact.items() if s <= t)
        near(f"chain {slow}, {t} ms", share, below, runs)


def main():
    rng = random.Random(11)
    print("P(30 ms)  sum of p99s  p99 of chain")
    for slow in (Fraction(2, 100), Fraction(1, 200)):
        check_chain(rng, slow, 100003)
        single = percentile(stage(slow), Fraction(99, 100))
        whole = percentile(chain(slow), Fraction(99, 100))
        print(
            f"{float(slow):8.1%} {3 * single:9d} ms"
            f" {whole:10d} ms"
        )
    two = chain(Fraction(2, 100))
    mean = sum(t * q for t, q in two.items())
    p999 = percentile(two, Fraction(999, 1000))
    print(
        f"at 2.0%: mean {float(mean):.1f}, p99.9 {p999},"
        f" worst {max(two)} ms"
    )


if __name__ == "__main__":
    main()
