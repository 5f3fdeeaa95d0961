"""The stationary distribution of a Markov chain: by power iteration and by a linear solve,
checked against each other, against pi = pi P, and against exact fractions by elimination.

Run: python markov.py
"""

import sys
from fractions import Fraction

import numpy as np


# ANCHOR: power
def by_power(P, tol=1e-13):
    pi = np.full(len(P), 1 / len(P))
    while True:
        new = pi @ P  # row vector on the left
        if np.abs(new - pi).sum() <= tol:
            return new
        pi = new


# ANCHOR_END: power


# ANCHOR: solve
def by_solve(P):
    n = len(P)
    A = P.T - np.eye(n)  # (P^T - I) pi = 0
    A[-1] = 1  # sum of pi = 1
    b = np.zeros(n)
    b[-1] = 1
    return np.linalg.solve(A, b)


# ANCHOR_END: solve


def exact(P):
    """Gauss-Jordan in fractions on the same equations, written from pi_j = sum_i pi_i P_ij."""
    n = len(P)
    rows = [
        [P[i][j] - (i == j) for i in range(n)] + [Fraction(0)]
        for j in range(n - 1)
    ]
    rows.append([Fraction(1)] * (n + 1))
    for c in range(n):
        p = next(r for r in range(c, n) if rows[r][c] != 0)
        rows[c], rows[p] = rows[p], rows[c]
        rows[c] = [v / rows[c][c] for v in rows[c]]
        for r in range(n):
            if r != c:
                rows[r] = [
                    v - rows[r][c] * w
                    for v, w in zip(rows[r], rows[c])
                ]
    return [row[-1] for row in rows]


CHAINS = {
    "2 states": [["9/10", "1/10"], ["3/10", "7/10"]],
    "3 states": [
        ["1/2", "1/4", "1/4"],
        ["1/5", "3/5", "1/5"],
        ["1/10", "3/10", "3/5"],
    ],
}


def check(name, kind, got, want):
    err = np.abs(got - np.array([float(v) for v in want])).max()
    if not err <= 1e-10:
        print(
            f"{name}, {kind}: {np.round(got, 3)}, off by {err:.2f}",
            file=sys.stderr,
        )
        sys.exit(1)


def main():
    for name, rows in CHAINS.items():
        fractions = [[Fraction(v) for v in row] for row in rows]
        P = np.array(
            [[float(v) for v in row] for row in fractions]
        )
        want = exact(fractions)
        check(name, "power", by_power(P), want)
        check(name, "solve", by_solve(P), want)
        print(f"{name}: pi =", ", ".join(str(v) for v in want))
    a, b = Fraction(1, 10), Fraction(3, 10)
    if exact([[1 - a, a], [b, 1 - b]]) != [
        b / (a + b),
        a / (a + b),
    ]:
        print(
            "(b, a)/(a + b) is not stationary", file=sys.stderr
        )
        sys.exit(1)


main()
