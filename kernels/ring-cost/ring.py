"""Ring all-reduce in the alpha-beta model, with its bytes counted on real arrays.

$ python ring.py
"""

import sys

import numpy as np

# Assumed: seconds a step, bytes a second each way.
ALPHA, LINK = 5e-6, 50e9


def ring_all_reduce(data):
    """data[r] is rank r's list of N chunks. Returns sends."""
    n = len(data)
    sent = [0] * n
    for k in range(2 * (n - 1)):
        reducing = k < n - 1  # else: all-gather
        first = 0 if reducing else n
        chunk = [(r + first - k) % n for r in range(n)]
        out = [data[r][chunk[r]].copy() for r in range(n)]
        for r in range(n):  # all ranks at once
            right = (r + 1) % n
            if reducing:
                data[right][chunk[r]] += out[r]
            else:
                data[right][chunk[r]] = out[r]
            sent[r] += out[r].size
    return sent


def seconds(n, size):
    """(start-ups, bytes): the two terms of the cost."""
    return 2 * (n - 1) * ALPHA, 2 * (n - 1) / n * size / LINK


def check(n, count):
    """Every rank must end with the sum and have sent 2(n-1)/n of the data."""
    rng = np.random.default_rng(n)
    whole = rng.integers(-9, 9, size=(n, count)).astype(
        np.float64
    )
    data = [
        [part.copy() for part in np.array_split(row, n)]
        for row in whole
    ]
    sent = ring_all_reduce(data)
    for rank in range(n):
        if not np.array_equal(
            np.concatenate(data[rank]), whole.sum(axis=0)
        ):
            sys.exit(f"{n} ranks: rank {rank} has not the sum")
    # Chunks differ by one element when n does not divide count.
    expected = 2 * (n - 1) / n * count
    if not abs(max(sent) - expected) <= 2 * (n - 1):
        sys.exit(
            f"{n} ranks: {max(sent)} elements sent for {count}"
        )


def main():
    """Check, then print the two terms of the cost."""
    for n, count in (
        (2, 7),
        (3, 10),
        (5, 5),
        (8, 1003),
        (64, 6401),
    ):
        check(n, count)
    print("1 GB, 50 GB/s, 5 us a step")
    print("   N  sent/S  bytes ms  steps ms")
    for n in (2, 8, 64, 1024):
        steps, carried = seconds(n, 1e9)
        print(
            f"{n:4}  {2 * (n - 1) / n:6.3f}  {carried * 1e3:8.1f}  {steps * 1e3:8.2f}"
        )


if __name__ == "__main__":
    main()
