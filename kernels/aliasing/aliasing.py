"""Sampling a sine too slowly: 7 Hz sampled at 10 Hz gives the samples of a 3 Hz one. The formula
for the alias is checked against the strongest line of a discrete Fourier transform.

Run: python aliasing.py
"""

import sys
from cmath import exp, pi
from math import cos


# ANCHOR: alias
def alias(f, fs):  # 0 <= result <= fs/2
    return abs(f - fs * round(f / fs))


def samples(f, fs, n):
    return [cos(2 * pi * f * t / fs) for t in range(n)]


# ANCHOR_END: alias


def strongest(x, fs):
    """The frequency of the largest of the first n/2 + 1 lines, by the sum of the definition."""
    n = len(x)
    power = [
        abs(
            sum(
                v * exp(-2j * pi * k * t / n)
                for t, v in enumerate(x)
            )
        )
        for k in range(n // 2 + 1)
    ]
    return power.index(max(power)) * fs / n


def main():
    failed = False
    for f, fs in (
        (3, 10),
        (7, 10),
        (13, 10),
        (26, 40),
        (44, 40),
        (61, 40),
    ):
        seen = strongest(samples(f, fs, fs), fs)
        if not abs(seen - alias(f, fs)) <= 1e-9:
            print(
                f"{f} Hz at {fs} Hz: {alias(f, fs)}, but the DFT says {seen}",
                file=sys.stderr,
            )
            failed = True
        print(
            f"{f:2} Hz sampled at {fs} Hz looks like {seen:g} Hz"
        )
    gap = max(
        abs(a - b)
        for a, b in zip(samples(3, 10, 50), samples(7, 10, 50))
    )
    if not gap <= 1e-9:
        print(
            f"3 Hz and 7 Hz differ by {gap} at 10 Hz",
            file=sys.stderr,
        )
        failed = True
    sys.exit(failed)


main()
