"""One matrix in COO, CSR, CSC, ELL, SELL-32, DIA and BSR: its bytes, and A x on each.

python formats.py
"""

import sys

import numpy as np

VAL = IDX = 4  # bytes of a value (FP32), of an index (int32)


# ANCHOR: csr
def csr(A):
    col, row = np.nonzero(A.T)  # COO, column by column
    order = np.lexsort((col, row))  # by row, then column
    row, col = row[order], col[order]
    ptr = np.searchsorted(row, np.arange(len(A) + 1))
    return ptr, col, A[row, col]


# ANCHOR_END: csr


# ANCHOR: ell
def ell(A):
    """Every row padded to the longest; -1 marks padding."""
    ptr, col, val = csr(A)
    width = np.diff(ptr).max()
    c = np.full((width, len(A)), -1)  # column-major in A
    v = np.zeros((width, len(A)))
    for i in range(len(A)):
        k = ptr[i + 1] - ptr[i]
        c[:k, i] = col[ptr[i] : ptr[i + 1]]
        v[:k, i] = val[ptr[i] : ptr[i + 1]]
    return c, v


# ANCHOR_END: ell


# ANCHOR: dia
def dia(A):
    """Each diagonal that holds a non-zero, at full length."""
    m, n = A.shape
    offsets = np.unique(np.subtract(*np.nonzero(A)[::-1]))
    bands = np.zeros((len(offsets), m))
    for d, k in enumerate(offsets):
        i = np.arange(max(0, -k), min(m, n - k))
        bands[d, i] = A[i, i + k]
    return offsets, bands


# ANCHOR_END: dia


# ANCHOR: bsr
def bsr(A, b):
    """CSR of b x b blocks; a block with a non-zero is dense."""
    m, n = -(-A.shape[0] // b), -(-A.shape[1] // b)
    P = np.zeros((m * b, n * b))
    P[: A.shape[0], : A.shape[1]] = A
    blocks = P.reshape(m, b, n, b).swapaxes(1, 2)
    ptr, col, _ = csr(np.abs(blocks).max(axis=(2, 3)))
    row = np.repeat(np.arange(m), np.diff(ptr))
    return ptr, col, blocks[row, col]


# ANCHOR_END: bsr


def times(A, x):
    """A x by each format; every answer must be that of the definition."""
    m, n = A.shape
    row, col = np.nonzero(A)[0][::-1], np.nonzero(A)[1][::-1]
    coo = np.zeros(m)
    np.add.at(coo, row, A[row, col] * x[col])
    ptr, c, v = csr(A)
    by_row = np.array(
        [v[a:b] @ x[c[a:b]] for a, b in zip(ptr, ptr[1:])]
    )
    tp, tr, tv = csr(A.T)  # CSC is the CSR of the transpose
    by_col = np.zeros(m)
    for j in range(n):
        by_col[tr[tp[j] : tp[j + 1]]] += (
            tv[tp[j] : tp[j + 1]] * x[j]
        )
    ec, ev = ell(A)
    padded = (ev * np.where(ec >= 0, x[ec], 0.0)).sum(axis=0)
    offsets, bands = dia(A)
    diagonal = np.zeros(m)
    for k, band in zip(offsets, bands):
        i = np.arange(max(0, -k), min(m, n - k))
        diagonal[i] += band[i] * x[i + k]
    b = 4
    bp, bc, blocks = bsr(A, b)
    xp = np.zeros(-(-n // b) * b)
    xp[:n] = x
    block = np.zeros((len(bp) - 1) * b)
    for i in range(len(bp) - 1):
        for k in range(bp[i], bp[i + 1]):
            block[i * b : i * b + b] += (
                blocks[k] @ xp[bc[k] * b : bc[k] * b + b]
            )
    return {
        "COO": coo,
        "CSR": by_row,
        "CSC": by_col,
        "ELL": padded,
        "DIA": diagonal,
        "BSR": block[:m],
    }


def size(A):
    """Bytes that each format takes, counted on its arrays."""
    m, n = A.shape
    nnz = np.count_nonzero(A)
    rows = np.count_nonzero(A, axis=1)
    slices = [rows[i : i + 32] for i in range(0, m, 32)]
    sell = sum(len(s) * s.max() for s in slices)
    offsets, bands = dia(A)
    bp, bc, blocks = bsr(A, 4)
    return {
        "dense": VAL * m * n,
        "COO": (VAL + 2 * IDX) * nnz,
        "CSR": (VAL + IDX) * nnz + IDX * (m + 1),
        "CSC": (VAL + IDX) * nnz + IDX * (n + 1),
        "ELL": (VAL + IDX) * ell(A)[1].size,
        "SELL-32": (VAL + IDX) * sell + IDX * (len(slices) + 1),
        "DIA": VAL * bands.size + IDX * len(offsets),
        "BSR 4x4": VAL * blocks.size
        + IDX * (len(bc) + len(bp)),
    }


def matrices():
    rng = np.random.default_rng(7)
    n = 1002
    full = rng.standard_normal((n, n)) + 3
    i, j = np.indices((n, n))
    band = np.where(abs(i - j) <= 1, full, 0)
    scatter = np.where(rng.random((n, n)) < 0.01, full, 0)
    skew = np.where(
        (rng.random((n, n)) < 0.003) | (i == 500), full, 0
    )
    on = rng.random((n // 4 + 1, n // 4 + 1)) < 0.02
    tiles = np.where(
        np.kron(on, np.ones((4, 4)))[:n, :n] > 0, full, 0
    )
    return {
        "3-diag": band,
        "random": scatter,
        "1 full": skew,
        "blocks": tiles,
    }


def main():
    rng = np.random.default_rng(11)
    odd = np.where(
        rng.random((37, 53)) < 0.15,
        rng.standard_normal((37, 53)),
        0,
    )
    cases = {"37x53": odd, "tall": odd.T.copy(), **matrices()}
    for name, A in cases.items():
        x = rng.standard_normal(A.shape[1])
        want = np.einsum("ij,j->i", A, x)
        for form, y in times(A, x).items():
            error = np.abs(y - want).max()
            if not error <= 1e-9:
                sys.exit(
                    f"{form}, {name}: SpMV is off by {error:.3g}"
                )
    sizes = {name: size(A) for name, A in matrices().items()}
    print("KB      " + "".join(f"{name:>7}" for name in sizes))
    nnz = [np.count_nonzero(A) for A in matrices().values()]
    print("nnz     " + "".join(f"{n:>7}" for n in nnz))
    for form in next(iter(sizes.values())):
        kb = [s[form] / 1000 for s in sizes.values()]
        print(f"{form:<8}" + "".join(f"{k:7.0f}" for k in kb))


if __name__ == "__main__":
    main()
