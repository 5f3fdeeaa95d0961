"""Bytes and flops of the look-ups of one sample, in a model with 26 tables.

python traffic.py
"""

import sys

import numpy as np

DIM = 64  # elements of an embedding vector
TABLES = 26  # categorical features, as in the Criteo data
BAG = 20  # ids per feature that are added up


# ANCHOR: lookup
def lookup(tables, bags):
    """Sum of `bag` rows a table: flops and bytes read."""
    flops = moved = 0
    pooled = []
    for table, bag in zip(tables, bags):
        total = table[bag[0]].copy()
        moved += total.nbytes
        for row in bag[1:]:
            total += table[row]
            moved += table[row].nbytes
            flops += total.size
        pooled.append(total)
    return pooled, flops, moved


# ANCHOR_END: lookup


def mlp_weights(sizes):
    return sum(a * b for a, b in zip(sizes, sizes[1:]))


def require(name, got, expected):
    if not got == expected:
        sys.exit(f"{name}: {got} instead of {expected}")


def check_lookup():
    """Counted while running, against the closed forms; sums in fp64."""
    rng = np.random.default_rng(3)
    tables = [
        rng.standard_normal((97 + t, DIM)).astype("f2")
        for t in range(TABLES)
    ]
    bags = [rng.integers(0, 97, BAG) for _ in tables]
    pooled, flops, moved = lookup(tables, bags)
    require("bytes", moved, TABLES * BAG * DIM * 2)
    require("flops", flops, TABLES * (BAG - 1) * DIM)
    for table, bag, total in zip(tables, bags, pooled):
        exact = table[bag].astype("f8").sum(0)
        error = np.abs(total - exact).max()
        if not error <= 0.1:
            sys.exit(f"pooled sum off by {error:.3f}")
    return flops, moved


def main():
    flops, moved = check_lookup()
    print(f"one sample: {TABLES * BAG} rows, {moved} B")
    print(f"intensity {flops / moved:.3f} FLOP/B")
    print(
        f"4.8 TB/s: {4.8e12 / moved / 1e6:.0f} M samples/s at most"
    )
    vectors = TABLES + 1
    pairs = vectors * (vectors - 1) // 2
    bottom = mlp_weights((13, 512, 256, DIM))
    top = mlp_weights((pairs + DIM, 512, 256, 1))
    print(f"pairs {pairs}, top MLP input {pairs + DIM}")
    print(f"MLP weights {bottom + top}")


if __name__ == "__main__":
    main()
