"""Nonlinear equations by Newton's method: a scalar one with a bisection bracket as a safeguard,
and a 2 x 2 system with its Jacobian. Checked against bisection alone and a closed form; the
system must be solved in 8 steps, as squaring errors allow and linear convergence does not.

Run: python newton.py
"""

import math
import sys

import numpy as np


# ANCHOR: scalar
def solve(f, df, a, b, tol=1e-14, most=100):
    fa = f(a)
    if fa == 0:
        return a
    if fa * f(b) > 0:
        raise ValueError("no sign change")
    x = b
    for _ in range(most):
        fx, slope = f(x), df(x)
        if fx == 0:
            return x
        if fa * fx < 0:
            b = x  # root in (a, x)
        else:
            a, fa = x, fx  # root in (x, b)
        new = x - fx / slope if slope else a
        if not min(a, b) < new < max(a, b):
            new = (a + b) / 2  # bisect instead
        if abs(new - x) <= tol * max(1, abs(new)):
            return new
        x = new
    raise RuntimeError("no convergence")


# ANCHOR_END: scalar


# ANCHOR: system
def newton(F, J, x, tol=1e-12, most=50):
    for _ in range(most):
        r = F(x)
        if np.linalg.norm(r) <= tol:
            return x
        x = x - np.linalg.solve(J(x), r)
    raise RuntimeError("no convergence")


def F(x):  # circle and hyperbola
    return np.array(
        [x[0] ** 2 + x[1] ** 2 - 4, x[0] * x[1] - 1]
    )


def J(x):  # J[i, j] = dF_i/dx_j
    return np.array([[2 * x[0], 2 * x[1]], [x[1], x[0]]])


# ANCHOR_END: system


def bisect(f, a, b):
    """The slow reference: 200 halvings of a bracket."""
    for _ in range(200):
        mid = (a + b) / 2
        a, b = (mid, b) if f(a) * f(mid) > 0 else (a, mid)
    return (a + b) / 2


CASES = (
    (
        "x^3 - 2x - 5",
        lambda x: x**3 - 2 * x - 5,
        lambda x: 3 * x**2 - 2,
        2.0,
        3.0,
    ),
    ("atan x", math.atan, lambda x: 1 / (1 + x * x), -1.0, 2.0),
    (
        "cos x - x",
        lambda x: math.cos(x) - x,
        lambda x: -math.sin(x) - 1,
        0.0,
        3.0,
    ),
    (
        "e^x - 5",
        lambda x: math.exp(x) - 5,
        math.exp,
        -20.0,
        4.0,
    ),
)


def main():
    failed = False
    for name, f, df, a, b in CASES:
        want = bisect(f, a, b)
        try:
            err = abs(solve(f, df, a, b) - want)
        except (
            ArithmeticError,
            RuntimeError,
            ValueError,
        ) as problem:
            print(
                f"{name}: {type(problem).__name__}: {problem}",
                file=sys.stderr,
            )
            failed = True
            continue
        if not err <= 1e-12:
            print(
                f"{name}: root is off by {err:.1e}",
                file=sys.stderr,
            )
            failed = True
            continue
        print(f"{name}: {solve(f, df, a, b):.9f}")
    root = np.array(
        [
            math.sqrt(2 + math.sqrt(3)),
            math.sqrt(2 - math.sqrt(3)),
        ]
    )
    try:
        err = np.abs(
            newton(F, J, np.array([2.0, 0.3]), most=8) - root
        ).max()
    except RuntimeError as problem:
        print(
            f"2 x 2 system: {problem} in 8 steps",
            file=sys.stderr,
        )
        sys.exit(1)
    if not err <= 1e-10:
        print(
            f"2 x 2 system: root is off by {err:.1e}",
            file=sys.stderr,
        )
        failed = True
    print(f"system: {root[0]:.9f}, {root[1]:.9f}")
    sys.exit(failed)


main()
