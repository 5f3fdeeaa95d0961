"""A weight-stationary systolic array, cycle by cycle: C = A B, and the cycles it takes.

python systolic.py
"""

import sys

import numpy as np


# ANCHOR: array
def systolic(A, B):
    """C = A B; B stays in the K x N cells."""
    M, K = A.shape
    N = B.shape[1]
    a = np.zeros((K, N), A.dtype)  # moves right
    p = np.zeros((K, N), A.dtype)  # moves down
    C = np.zeros((M, N), A.dtype)
    cycles = M + K + N - 2
    for t in range(cycles):
        a[:, 1:] = a[:, :-1].copy()
        for k in range(K):  # k cycles late
            m = t - k
            a[k, 0] = A[m, k] if 0 <= m < M else 0
        above = np.vstack([np.zeros((1, N), A.dtype), p[:-1]])
        p = above + a * B
        for n in range(N):  # n cycles late
            m = t - (K - 1) - n
            if 0 <= m < M:
                C[m, n] = p[-1, n]
    return C, cycles


# ANCHOR_END: array


def main():
    rng = np.random.default_rng(8)
    for M, K, N in ((1, 1, 1), (5, 3, 4), (7, 6, 2), (2, 5, 9)):
        A = rng.integers(-128, 128, (M, K))
        B = rng.integers(-128, 128, (K, N))
        C, cycles = systolic(A, B)
        expected = [
            [
                sum(
                    int(A[m, k]) * int(B[k, n])
                    for k in range(K)
                )
                for n in range(N)
            ]
            for m in range(M)
        ]
        if not np.array_equal(C, np.array(expected)):
            sys.exit(
                f"{M}x{K}x{N}: the array does not compute A B"
            )
        # The last output is A's last row in the last cell: M-1 + K-1 + N-1 cycles after the first.
        if cycles - 1 != (M - 1) + (K - 1) + (N - 1):
            sys.exit(f"{M}x{K}x{N}: {cycles} cycles")
    print("256 x 256 cells, M rows of A")
    for M in (1, 256, 4096, 65536):
        total = M + 256 + 256 - 2
        print(
            f"M {M:<6} {total:6d} cycles, {100 * M / total:5.1f} % busy"
        )
    print(
        f"peak {256 * 256 * 2 * 0.7e9 / 1e12:.1f} TOPS at 700 MHz"
    )


if __name__ == "__main__":
    main()
