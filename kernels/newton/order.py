"""How fast Newton, secant and bisection approach the root of x^3 - 2x - 5: the error after each
step. Newton's must square (the ratio e_next / e^2 tends to f''/2f'), bisection's bracket halves.

Run: python order.py
"""

import sys
from fractions import Fraction


# ANCHOR: order
def f(x):
    return x**3 - 2 * x - 5


def df(x):
    return 3 * x**2 - 2


def newton(x):
    while True:
        yield x
        x = x - f(x) / df(x)


def secant(u, x):
    while True:
        yield x
        u, x = x, x - f(x) * (x - u) / (f(x) - f(u))


def bisection(a, b):
    while True:
        m = (a + b) / 2
        yield m
        a, b = (m, b) if f(a) * f(m) > 0 else (a, m)


# ANCHOR_END: order


def root():
    """60 digits by Newton in exact fractions, cut to 80 digits a step."""
    x = Fraction(2)
    for _ in range(9):
        x = (x - f(x) / df(x)).limit_denominator(10**80)
    if not abs(f(x)) < Fraction(1, 10**60):
        print(
            "the reference root is not a root", file=sys.stderr
        )
        sys.exit(1)
    return x


def errors(steps, exact, count):
    return [abs(x - exact) for _, x in zip(range(count), steps)]


def main():
    exact = root()
    two, three = Fraction(2), Fraction(3)
    table = [
        errors(steps, exact, 6)
        for steps in (
            newton(three),
            secant(two, three),
            bisection(two, three),
        )
    ]
    print("step   Newton   secant  bisection")
    for i, row in enumerate(zip(*table)):
        print(
            f"{i:4}  {float(row[0]):.0e}   {float(row[1]):.0e}   {float(row[2]):.0e}"
        )
    e = table[0]
    limit = 3 * exact / df(exact)  # f'' / (2 f') = 6x / (2 f')
    ratio = e[5] / e[4] ** 2
    if not abs(ratio / limit - 1) <= Fraction(1, 100):
        print(
            f"e5/e4^2 is {float(ratio):.3f}, not {float(limit):.3f}",
            file=sys.stderr,
        )
        sys.exit(1)
    print(f"e5/e4^2 = {float(ratio):.3f}")


main()
