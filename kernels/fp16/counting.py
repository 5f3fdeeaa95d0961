"""Counting by ones in FP16: where the sum stops.

python counting.py
"""

import sys

import numpy as np


# ANCHOR: count
def count(n, dtype):
    total = dtype(0)
    for _ in range(n):
        total = dtype(total + dtype(1))
    return float(total)


# ANCHOR_END: count


def main():
    n = 5003
    stuck = count(n, np.float16)
    if not count(n, np.float32) == n:
        sys.exit("FP32 must count to 5003 exactly")
    # From the definition: 11 significant bits, so beyond 2**11 the step is 2.
    if not stuck == 2.0**11:
        sys.exit(f"FP16 counts to {stuck}, not 2048")
    print(f"adding 1 {n} times")
    print(f"FP16 {stuck:.0f}")
    print(f"FP32 {count(n, np.float32):.0f}")


if __name__ == "__main__":
    main()
