"""Tails of fan-outs and chains: exact probabilities, checked by a seeded simulation.

python tail.py
"""

import random
import sys
from fractions import Fraction


# ANCHOR: fanout
def any_slow(p, n):
    """The slowest of n independent parts decides."""
    return 1 - (1 - p) ** n


# ANCHOR_END: fanout


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


def stage(slow):
    """10 ms, but 30 ms in the share `slow` of the frames."""
    return {10: 1 - slow, 30: slow}


def chain(slow):
    one = stage(slow)
    return convolve(convolve(one, one), one)


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
    p = Fraction(1, 100)
    print("p99 misses:  n   any slow")
    for n in (1, 3, 10, 69, 100):
        check_fanout(rng, p, n, 20011)
        print(f"{n:13d} {float(any_slow(p, n)):9.1%}")
    # A second copy of each request: slow only if both are.
    print(f"100, hedged {float(any_slow(p * p, 100)):11.1%}")
    print()
    print("stage slow  sum of p99  p99 of chain")
    for slow in (Fraction(2, 100), Fraction(1, 200)):
        check_chain(rng, slow, 100003)
        single = percentile(stage(slow), Fraction(99, 100))
        whole = percentile(chain(slow), Fraction(99, 100))
        print(
            f"{float(slow):10.1%} {3 * single:8d} ms"
            f" {whole:10d} ms"
        )
    two = chain(Fraction(2, 100))
    mean = sum(t * q for t, q in two.items())
    p999 = percentile(two, Fraction(999, 1000))
    print(
        f"at 2.0%: mean {float(mean):.1f}, p99.9 {p999},"
        f" worst {max(two)} ms"
    )
    frames = 30 * 3600
    late = frames * (1 - Fraction(999, 1000))
    print()
    print(f"30 fps for 1 h: {frames} frames")
    print(f"later than p99.9: {int(late)}")


if __name__ == "__main__":
    main()
