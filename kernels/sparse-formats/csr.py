"""COO to CSR by counting, and y = A x on the three arrays.

python csr.py
"""

import sys

import numpy as np


# ANCHOR: build
def coo_to_csr(row, col, val, m):
    """Entries in any order; one pass counts, one places."""
    ptr = np.zeros(m + 1, dtype=np.int32)
    for r in row:
        ptr[r + 1] += 1  # length of row r, one place on
    ptr = np.cumsum(ptr)  # now where each row starts
    out_col = np.empty_like(col)
    out_val = np.empty_like(val)
    free = ptr[:-1].copy()  # next free place of each row
    for r, c, v in zip(row, col, val):
        out_col[free[r]] = c
        out_val[free[r]] = v
        free[r] += 1
    return ptr, out_col, out_val


# ANCHOR_END: build


# ANCHOR: spmv
def spmv(ptr, col, val, x):
    y = np.zeros(len(ptr) - 1)
    for i in range(len(y)):
        for k in range(ptr[i], ptr[i + 1]):
            y[i] += val[k] * x[col[k]]
    return y


# ANCHOR_END: spmv


def check(name, dense, seed):
    """The arrays give back the matrix and the product, with the entries shuffled."""
    rng = np.random.default_rng(seed)
    m, n = dense.shape
    row, col = np.nonzero(dense)
    order = rng.permutation(len(row))
    row, col = row[order], col[order]
    ptr, c, v = coo_to_csr(row, col, dense[row, col], m)
    if ptr[0] != 0 or ptr[m] != len(row):
        sys.exit(
            f"{name}: row pointers run from {ptr[0]} to {ptr[m]}, not 0 to {len(row)}"
        )
    back = np.zeros_like(dense)
    for i in range(m):
        back[i, c[ptr[i] : ptr[i + 1]]] += v[
            ptr[i] : ptr[i + 1]
        ]
    if not np.array_equal(back, dense):
        sys.exit(
            f"{name}: {np.sum(back != dense)} elements differ after the round trip"
        )
    x = rng.standard_normal(n)
    want = np.array(
        [
            sum(dense[i, j] * x[j] for j in range(n))
            for i in range(m)
        ]
    )
    error = np.abs(spmv(ptr, c, v, x) - want).max(initial=0.0)
    if not error <= 1e-12:
        sys.exit(f"{name}: SpMV is off by {error:.3g}")


def main():
    A = np.array(
        [
            [5, 0, 0, 1, 0],
            [0, 0, 0, 0, 0],
            [0, 2, 0, 0, 7],
            [3, 0, 4, 0, 6],
        ],
        dtype=float,
    )
    check("4 x 5", A, 1)
    rng = np.random.default_rng(3)
    for m, n in ((1, 1), (7, 3), (33, 65), (64, 31)):
        full = rng.standard_normal((m, n))
        check(
            f"{m} x {n}",
            np.where(rng.random((m, n)) < 0.2, full, 0.0),
            m,
        )
    row, col = np.nonzero(A)
    ptr, c, v = coo_to_csr(row, col, A[row, col], len(A))
    print("row    ", *row)
    print("row_ptr", *ptr)
    print("col    ", *c)
    print("val    ", *(f"{x:g}" for x in v))
    print(
        "A x    ",
        *(
            f"{y:g}"
            for y in spmv(ptr, c, v, np.arange(1.0, 6.0))
        ),
    )


if __name__ == "__main__":
    main()
