"""SpMV mappings: how many lane-steps are useful, with a thread a row, a warp a row, merge path.

A model that counts steps of a 32-lane warp; it times nothing.

python balance.py
"""

import sys

import numpy as np

LANES = 32


# ANCHOR: share
def thread_per_row(lengths):
    """A warp takes 32 rows and runs to the longest."""
    steps = sum(
        max(lengths[i : i + LANES])
        for i in range(0, len(lengths), LANES)
    )
    return sum(lengths) / (steps * LANES)


def warp_per_row(lengths):
    """A warp takes one row, 32 entries a step."""
    steps = sum(-(-n // LANES) for n in lengths)
    return sum(lengths) / (steps * LANES)


# ANCHOR_END: share


# ANCHOR: merge
def split(ptr, diagonal):
    """Where the merge of row ends and entries crosses."""
    lo = max(0, diagonal - ptr[-1])
    hi = min(diagonal, len(ptr) - 1)
    while lo < hi:  # binary search along the diagonal
        mid = (lo + hi) // 2
        if ptr[mid + 1] <= diagonal - mid - 1:
            lo = mid + 1
        else:
            hi = mid
    return lo, diagonal - lo  # rows and entries consumed


# ANCHOR_END: merge


def merge_spmv(ptr, col, val, x, workers):
    """y = A x with equal shares of rows + entries; also the largest share."""
    m, total = len(ptr) - 1, len(ptr) - 1 + ptr[-1]
    each = -(-total // workers)
    y, largest = np.zeros(m), 0
    for w in range(workers):
        i, k = split(ptr, min(w * each, total))
        end_i, end_k = split(ptr, min((w + 1) * each, total))
        largest = max(largest, end_i - i + end_k - k)
        while i < end_i or k < end_k:
            if i < m and k < ptr[i + 1] and k < end_k:
                y[i] += (
                    val[k] * x[col[k]]
                )  # a carry-out where a row is cut
                k += 1
            else:
                i += 1
    return y, largest, each


def matrix(lengths, n, rng):
    ptr = np.concatenate([[0], np.cumsum(lengths)])
    col = np.concatenate(
        [
            np.sort(rng.choice(n, k, replace=False))
            for k in lengths
        ]
    ).astype(int)
    return ptr, col, rng.standard_normal(len(col))


def check(name, lengths, rng):
    n, workers = 4099, 37
    ptr, col, val = matrix(lengths, n, rng)
    x = rng.standard_normal(n)
    want = np.zeros(len(lengths))
    np.add.at(
        want,
        np.repeat(np.arange(len(lengths)), lengths),
        val * x[col],
    )
    y, largest, each = merge_spmv(ptr, col, val, x, workers)
    error = np.abs(y - want).max()
    if not error <= 1e-9:
        sys.exit(f"{name}: merge SpMV is off by {error:.3g}")
    if not largest <= each:
        sys.exit(
            f"{name}: a worker got {largest} items, {each} are its share"
        )


def main():
    rng = np.random.default_rng(5)
    m = 1003
    power = np.minimum(4000, (3 / rng.random(m)).astype(int))
    power[::50] = 0  # empty rows too
    cases = {
        "7 in every row": [7] * m,
        "0 to 63, even": rng.integers(0, 64, m).tolist(),
        "power law": power.tolist(),
    }
    print("lanes in use    thread  warp  longest")
    for name, lengths in cases.items():
        check(name, lengths, rng)
        thread = thread_per_row(lengths)
        warp = warp_per_row(lengths)
        print(
            f"{name:<15}{thread:>7.0%}{warp:>6.0%}{max(lengths):>9}"
        )


if __name__ == "__main__":
    main()
