"""One embedding table over three ranks: by table, by row, by column; mean pooling.

python sharding.py
"""

import sys

import numpy as np

ROWS, DIM, RANKS = 10, 8, 3
BAGS = [[0, 1, 2, 9], [4], [5, 5, 8]]  # ids of three samples


# ANCHOR: row
def by_row(table, bags):
    """Each rank looks up the rows that it owns."""
    edges = np.linspace(0, len(table), RANKS + 1).astype(int)
    partial = []
    for low, high in zip(edges, edges[1:]):
        shard = table[low:high]
        for bag in bags:
            mine = [i - low for i in bag if low <= i < high]
            partial.append(shard[np.array(mine, int)].sum(0))
    shape = (RANKS, len(bags), table.shape[1])
    summed = np.reshape(partial, shape).sum(0)  # reduce-scatter
    return summed / lengths(bags)


# ANCHOR_END: row


# ANCHOR: column
def by_column(table, bags):
    """Each rank has all rows, some columns; concatenate."""
    shards = np.array_split(table, RANKS, axis=1)
    parts = [
        [shard[b].sum(0) for b in bags] for shard in shards
    ]
    total = np.concatenate(parts, axis=1)  # all-to-all
    return total / lengths(bags)


# ANCHOR_END: column


# ANCHOR: table
def by_table(table, bags):
    """One rank owns it all and answers for every sample."""
    total = np.array([table[b].sum(0) for b in bags])
    return total / lengths(bags)  # all-to-all


# ANCHOR_END: table


# ANCHOR: lengths
def lengths(bags):
    return np.array([[len(bag)] for bag in bags])


# ANCHOR_END: lengths


def reference(table, bags):
    """The mean, from its definition, one element at a time."""
    return [
        [
            sum(float(table[i][d]) for i in bag) / len(bag)
            for d in range(DIM)
        ]
        for bag in bags
    ]


def main():
    rng = np.random.default_rng(5)
    table = rng.integers(-50, 50, (ROWS, DIM))
    expected = np.array(reference(table, BAGS))
    for shard, what in (
        (by_table, "10x8 on one rank"),
        (by_row, "3, 3, 4 rows a rank"),
        (by_column, "3, 3, 2 columns a rank"),
    ):
        got = shard(table, BAGS)
        error = np.abs(got - expected).max()
        if not error <= 1e-12:
            sys.exit(f"{shard.__name__}: off by {error:.2f}")
        print(f"{shard.__name__:<10} {what:<23} right")


if __name__ == "__main__":
    main()
