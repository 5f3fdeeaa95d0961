"""Amdahl's and Gustafson's laws, each checked against a schedule that is laid out and timed.

$ python speedup.py
"""

import sys


# ANCHOR: amdahl
def amdahl(s, n):
    """Fixed problem; s: serial share on one core."""
    return 1 / (s + (1 - s) / n)


# ANCHOR_END: amdahl


# ANCHOR: gustafson
def gustafson(s, n):
    """Grown problem; s: serial share of the n-core run."""
    return s + (1 - s) * n


# ANCHOR_END: gustafson


def makespan(serial, items, n):
    """Run one serial task, then unit items dealt to n cores; return the finishing time."""
    load = [0] * n
    for i in range(items):
        load[i % n] += 1
    return serial + max(load)


def main():
    """Check both laws against schedules, then print the table."""
    for n in (2, 8, 64, 1024):
        # 5 % serial on one core: 1 serial unit to 19 parallel ones, times n for whole loads.
        serial, items = n, 19 * n
        timed = makespan(serial, items, 1) / makespan(
            serial, items, n
        )
        if not abs(timed - amdahl(0.05, n)) < 1e-9:
            sys.exit(f"Amdahl is off at n = {n}")
        # 5 % serial on n cores: 1 serial unit, 19 units of work on every core.
        timed = makespan(1, 19 * n, 1) / makespan(1, 19 * n, n)
        if not abs(timed - gustafson(0.05, n)) < 1e-9:
            sys.exit(f"Gustafson is off at n = {n}")
    print("5 % serial  Amdahl  Gustafson")
    for n in (8, 64, 1024):
        print(
            f"n = {n:4}    {amdahl(0.05, n):6.2f}  {gustafson(0.05, n):9.2f}"
        )
    print(f"n = inf     {1 / 0.05:6.2f}          -")


main()
