"""What it costs to gather gradients at one GPU and send them back, against a ring.

Every message is booked on the ports of its two GPUs; a port carries one message at a time in
each direction. No start-up cost.

    $ python root.py
"""

import sys
from fractions import Fraction


def root(n, size):
    """All send to rank 0, which sends the sum to all: (seconds in, seconds out), at 1 GB/s."""
    arrivals = [size for rank in range(n) if rank != 0]
    replies = [size for rank in range(n) if rank != 0]
    return sum(arrivals), sum(replies)


def ring(n, size):
    """The slowest port decides each step; every rank sends one chunk a step."""
    chunk = [
        Fraction(size * (i + 1), n) - Fraction(size * i, n)
        for i in range(n)
    ]
    steps = [
        [chunk[(rank - k) % n] for rank in range(n)]
        for k in range(n - 1)
    ]
    return 2 * sum(max(step) for step in steps)


def main():
    """Check the formulas, then print one example."""
    for n in (2, 3, 5, 64):
        got = sum(root(n, 1)), ring(n, 1)
        if got != (2 * (n - 1), Fraction(2 * (n - 1), n)):
            sys.exit(f"{n} ranks: {got} seconds")
    into, out = root(5, 1)
    print("5 GPUs, 1 GB, 1 GB/s each way")
    print(f"into rank 0     {float(into):.1f} s")
    print(f"out of rank 0   {float(out):.1f} s")
    print(f"ring, in all    {float(ring(5, 1)):.1f} s")


if __name__ == "__main__":
    main()
