"""Ring against a double binary tree in the alpha-beta model.

The two trees are built: no rank may be an inner node of both, each rank may send no more than
the ring's limit 2S, and the depth must be log2 N. Then the times follow from the model.

    $ python tree.py
"""

import math
import sys

# Assumed: seconds a step, bytes a second each way.
ALPHA, LINK = 5e-6, 50e9


def height(i):
    """Zeros at the end of i + 1: leaves of an in-order tree stand at even places."""
    return ((i + 1) & -(i + 1)).bit_length() - 1


def parent(i, n):
    """The parent of place i in an in-order binary tree of n places; None for the root."""
    h = height(i)
    while 1 << h <= n:
        up = (
            i + 1 + (1 << h)
            if (i + 1) >> (h + 1) & 1 == 0
            else i + 1 - (1 << h)
        )
        if 1 <= up <= n and height(up - 1) == h + 1:
            return up - 1
        # The parent would lie beyond n: the next one up takes this subtree.
        h, i = h + 1, up - 1
    return None


def trees(n):
    """Two trees as {rank: parent}: the second is the first, shifted by one rank."""
    first = {i: parent(i, n) for i in range(n)}
    second = {
        (i + 1) % n: None if up is None else (up + 1) % n
        for i, up in first.items()
    }
    return first, second


def depth(tree, rank):
    """Return the steps from a rank up to the root."""
    return (
        0 if tree[rank] is None else 1 + depth(tree, tree[rank])
    )


def check(n):
    """Exit unless the two trees are what the model assumes."""
    both = trees(n)
    inner = [set(tree.values()) - {None} for tree in both]
    if inner[0] & inner[1]:
        sys.exit(
            f"{n} ranks: {sorted(inner[0] & inner[1])} are inner nodes of both trees"
        )
    for rank in range(n):
        # Half of the data goes through each tree: once up, and down to every child.
        halves = sum(
            (t[rank] is not None) + list(t.values()).count(rank)
            for t in both
        )
        if halves > 4:
            sys.exit(
                f"{n} ranks: rank {rank} sends {halves / 2} S"
            )
    if max(
        depth(both[0], rank) for rank in range(n)
    ) > math.ceil(math.log2(n)):
        sys.exit(f"{n} ranks: too deep")


def ring_time(n, size):
    """Seconds for `size` bytes on n ranks."""
    return 2 * (n - 1) * ALPHA + 2 * (n - 1) / n * size / LINK


def tree_time(n, size):
    """Up and down the tree, pipelined in small pieces, which cost nothing here."""
    return 2 * math.ceil(math.log2(n)) * ALPHA + 2 * size / LINK


def main():
    """Check the trees, then print the times."""
    for n in (2, 4, 6, 8, 24, 64, 256, 1024):
        check(n)
    print("ms; 50 GB/s, 5 us a step")
    print("   N    size   ring   tree")
    for n in (8, 1024):
        for name, size in (
            ("64 KB", 64e3),
            ("16 MB", 16e6),
            ("1 GB", 1e9),
        ):
            ring, tree = (
                ring_time(n, size) * 1e3,
                tree_time(n, size) * 1e3,
            )
            print(f"{n:4}  {name:>6}  {ring:5.2f}  {tree:5.2f}")


if __name__ == "__main__":
    main()
