"""How many bits the fields of BF16 weights really carry: the exponent wastes most of its eight.

python exponent.py
"""

import sys

import numpy as np


# ANCHOR: fields
def bf16_fields(x):
    """Sign, exponent, mantissa after rounding to BF16."""
    u = x.astype(np.float32).view(np.uint32)
    u = (u + 0x7FFF + (u >> 16 & 1)) >> 16
    return u >> 15, u >> 7 & 0xFF, u & 0x7F


def entropy(values):
    _, n = np.unique(values, return_counts=True)
    p = n / n.sum()
    return -np.sum(p * np.log2(p))


# ANCHOR_END: fields


def rebuild(sign, exponent, mantissa):
    """The value of the fields, from the definition of the format (no subnormals)."""
    return (
        (-1.0) ** sign
        * 2.0 ** (exponent.astype(float) - 127)
        * (1 + mantissa / 128)
    )


def main():
    rng = np.random.default_rng(9)
    x = rng.standard_normal(400009) * 0.02
    sign, exponent, mantissa = bf16_fields(x)
    error = np.abs(
        rebuild(sign, exponent, mantissa) / x - 1
    ).max()
    if not error <= 2.0**-8 * 1.001:
        sys.exit(
            f"the fields are {error:.4f} off, more than half a step"
        )
    bits = [entropy(f) for f in (sign, exponent, mantissa)]
    print("field      stored  entropy")
    for name, stored, H in zip(
        ("sign", "exponent", "mantissa"), (1, 8, 7), bits
    ):
        print(f"{name:<10} {stored:6d} {H:8.2f}")
    print(f"exponent coded: {1 + bits[1] + 7:.1f} bits, not 16")


if __name__ == "__main__":
    main()
