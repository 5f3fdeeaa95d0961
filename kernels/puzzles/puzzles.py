"""Two classics of probability by states, in exact fractions: tosses of a fair coin until a
pattern appears, and draws until each of n coupons was drawn. Checked by counting sequences of
tosses by length and by the sum of tails with inclusion and exclusion.

Run: python puzzles.py
"""

import sys
from fractions import Fraction
from itertools import product
from math import comb


# ANCHOR: two
def tosses(first_again):
    """Patterns of two letters. State 0: nothing; 1: H.
    E0 = 1 + E0/2 + E1/2
    E1 = 1 + Es/2, s = 0 for HH (a T: start again)
                   s = 1 for HT (an H: still one H)"""
    half = Fraction(1, 2)
    # E0 = 2 + E1 follows from the first line
    if first_again:  # HT: E1 = 1 + E1/2
        E1 = 1 / (1 - half)
    else:  # HH: E1 = 1 + E0/2
        E1 = (1 + half * 2) / (1 - half)
    return 2 + E1


# ANCHOR_END: two


# ANCHOR: coupon
def coupon(n):
    """With k missing, a draw is new with chance k/n."""
    return sum(Fraction(n, k) for k in range(1, n + 1))


# ANCHOR_END: coupon


def counted(pattern, longest=400):
    """The mean from counting the sequences of every length that show `pattern` first at their
    end; those longer than `longest` weigh less than 1e-30."""
    mean, unseen = Fraction(0), {"": 1}
    for m in range(1, longest + 1):
        longer = {}
        for (last, count), c in product(unseen.items(), "HT"):
            if last + c == pattern:
                mean += Fraction(m * count, 2**m)
            else:
                longer[c] = longer.get(c, 0) + count
        unseen = longer
    return float(mean)


def tail_sum(n, draws=2000):
    """E[T] = sum of P(T > t), P(T > t) by inclusion and exclusion."""
    return float(
        sum(
            sum(
                (-1) ** (j + 1)
                * comb(n, j)
                * Fraction(n - j, n) ** t
                for j in range(1, n + 1)
            )
            for t in range(draws)
        )
    )


def main():
    failed = False
    for pattern, first_again in (("HH", False), ("HT", True)):
        got = tosses(first_again)
        want = counted(pattern)
        if not abs(float(got) - want) <= 1e-9:
            print(
                f"until {pattern}: {got} tosses, but {want:g} by counting",
                file=sys.stderr,
            )
            failed = True
        print(f"until {pattern}: {got} tosses")
    for n in (6, 12):
        got = coupon(n)
        if not abs(float(got) - tail_sum(n)) <= 1e-9:
            print(
                f"{n} coupons: {float(got)} against {tail_sum(n)}",
                file=sys.stderr,
            )
            failed = True
        print(f"{n} coupons: {float(got):.1f} draws")
    sys.exit(failed)


main()
