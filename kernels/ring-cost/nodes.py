"""All-reduce over nodes in three stages: what crosses the network, counted on real arrays.

Reduce-scatter inside each node, all-reduce between GPUs of the same local rank, all-gather
inside each node; against one flat ring through all GPUs.

    $ python nodes.py
"""

import sys

import numpy as np


def pieces(row, n):
    """Cut a row into n nearly equal pieces."""
    return np.array_split(row, n)


def by_stages(data):
    """data[node][gpu] is a row; sums in place. Returns (steps, most elements a NIC sent)."""
    nodes, gpus = len(data), len(data[0])
    parts = [
        [
            sum(pieces(row, gpus)[g] for row in node)
            for g in range(gpus)
        ]
        for node in data
    ]
    crossed = []
    for g in range(gpus):
        column = [parts[node][g] for node in range(nodes)]
        total = sum(column)
        # A ring of the nodes: reduce-scatter and all-gather of this GPU's part.
        chunk = max(
            len(piece) for piece in pieces(total, nodes)
        )
        crossed.append(2 * (nodes - 1) * chunk)
        for node in range(nodes):
            parts[node][g] = total
    for node in range(nodes):
        for g in range(gpus):
            data[node][g] = np.concatenate(parts[node])
    return 2 * (gpus - 1) + 2 * (nodes - 1), max(crossed)


def main():
    """Check sums and traffic, then print the largest case."""
    sizes = (2, 2, 9), (3, 4, 101), (16, 8, 12800)
    for nodes, gpus, count in sizes:
        rng = np.random.default_rng(nodes)
        rows = rng.integers(
            -9, 9, size=(nodes, gpus, count)
        ).astype(np.float64)
        data = [list(node) for node in rows]
        steps, crossed = by_stages(data)
        want = rows.sum(axis=(0, 1))
        if not all(
            np.array_equal(row, want)
            for node in data
            for row in node
        ):
            sys.exit(f"{nodes} nodes of {gpus}: wrong sum")
        expected = 2 * (nodes - 1) / nodes * count / gpus
        if not abs(crossed - expected) <= 4 * nodes:
            sys.exit(
                f"{nodes} nodes of {gpus}: {crossed} elements crossed"
            )
    n = nodes * gpus
    print("16 nodes of 8 GPUs, S bytes")
    print(
        f"flat ring    {2 * (n - 1):3} steps, {2 * (n - 1) / n:.2f} S a link"
    )
    print(
        f"by stages    {steps:3} steps, {crossed / count:.2f} S a NIC"
    )


if __name__ == "__main__":
    main()
