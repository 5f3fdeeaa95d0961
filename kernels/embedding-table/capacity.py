"""Bytes of an embedding table with a billion rows, by number format and optimiser.

python capacity.py
"""

import sys

import numpy as np

DIM = 64  # elements of an embedding vector


# ANCHOR: capacity
def table_bytes(rows, dim, element, per_row=0):
    """`per_row`: scale and bias, or an optimiser's state."""
    return rows * (dim * element + per_row)


# ANCHOR_END: capacity


def require(name, got, expected):
    if not got == expected:
        sys.exit(f"{name}: {got} instead of {expected}")


def check_capacity():
    """The formula against what NumPy allocates, for odd sizes."""
    for rows, dim, kind in (
        (1, 1, "f2"),
        (1009, 64, "f2"),
        (37, 5, "f4"),
    ):
        table = np.zeros((rows, dim), kind)
        state = np.zeros(rows, "f4")
        require(
            f"{rows}x{dim}",
            table_bytes(rows, dim, table.itemsize, 4),
            table.nbytes + state.nbytes,
        )


def main():
    check_capacity()
    print("1e9 rows x 64           GB")
    for name, element, per_row in (
        ("fp32", 4, 0),
        ("fp16", 2, 0),
        ("int8 + scale, bias", 1, 4),
        ("fp32 + row AdaGrad", 4, 4),
        ("fp32 + Adam", 12, 0),
    ):
        size = table_bytes(10**9, DIM, element, per_row) / 1e9
        print(f"{name:<20} {size:5.0f}")


if __name__ == "__main__":
    main()
