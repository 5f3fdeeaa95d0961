"""One convolution five ways: im2col, implicit GEMM, Winograd, FFT, and what each costs.

python conv.py
"""

import sys

import numpy as np


def direct(x, w, pad):
    """The definition, a loop for each output: x is C×H×W, w is K×C×R×S, stride 1."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    K, _, R, S = w.shape
    P, Q = x.shape[1] - R + 1, x.shape[2] - S + 1
    y = np.zeros((K, P, Q), x.dtype)
    for k in range(K):
        for p in range(P):
            for q in range(Q):
                window = x[:, p : p + R, q : q + S]
                y[k, p, q] = np.sum(window * w[k])
    return y


# ANCHOR: im2col
def im2col(x, R, S):
    """x: C×H×W. A column is a window."""
    C, H, W = x.shape
    P, Q = H - R + 1, W - S + 1
    cols = np.empty((C, R, S, P, Q), x.dtype)
    for r, s in np.ndindex(R, S):
        cols[:, r, s] = x[:, r : r + P, s : s + Q]
    return cols.reshape(C * R * S, P * Q)


def conv_im2col(x, w):
    K, C, R, S = w.shape
    f = w.reshape(K, C * R * S)
    y = f @ im2col(x, R, S)
    return y.reshape(K, x.shape[1] - R + 1, -1)


# ANCHOR_END: im2col


# ANCHOR: implicit
def implicit_a(x, m, k, R, S, Q):
    """A[m, k] of the GEMM, read from x."""
    p, q = divmod(m, Q)
    c, rs = divmod(k, R * S)
    r, s = divmod(rs, S)
    return x[c, p + r, q + s]


# ANCHOR_END: implicit


def conv_implicit(x, w, tile=(5, 7)):
    """A GEMM in tiles; each tile of the window matrix lives only while it is used."""
    K, C, R, S = w.shape
    P, Q = x.shape[1] - R + 1, x.shape[2] - S + 1
    b = w.reshape(K, C * R * S).T
    y = np.zeros((P * Q, K), x.dtype)
    for m0 in range(0, P * Q, tile[0]):
        m = np.arange(m0, min(m0 + tile[0], P * Q))
        for k0 in range(0, C * R * S, tile[1]):
            k = np.arange(k0, min(k0 + tile[1], C * R * S))
            y[m] += (
                implicit_a(x, m[:, None], k[None], R, S, Q)
                @ b[k]
            )
    return y.T.reshape(K, P, Q)


# ANCHOR: f23
def f23(d, g):
    """2 outputs, 3 taps, 4 products."""
    d0, d1, d2, d3 = d
    g0, g1, g2 = g
    m1 = (d0 - d2) * g0
    m2 = (d1 + d2) * (g0 + g1 + g2) / 2
    m3 = (d2 - d1) * (g0 - g1 + g2) / 2
    m4 = (d1 - d3) * g2
    return m1 + m2 + m3, m2 - m3 - m4


# ANCHOR_END: f23


# ANCHOR: winograd
BT = np.array(
    [
        [1, 0, -1, 0],
        [0, 1, 1, 0],
        [0, -1, 1, 0],
        [0, 1, 0, -1],
    ]
)
G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
AT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def winograd(d, g, BT=BT, G=G, AT=AT):
    """d: C×4×4, g: K×C×3×3. Returns K×2×2."""
    v = BT @ d @ BT.T
    u = G @ g @ G.T  # once for all tiles
    m = (u * v).sum(axis=1)  # sum over C, then A
    return AT @ m @ AT.T


# ANCHOR_END: winograd

# F(4×4, 3×3), from the points 0, ±1, ±2 and infinity.
BT4 = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G4 = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
AT4 = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
)


def conv_winograd(x, w, BT=BT, G=G, AT=AT):
    """Tiles of m×m outputs, from overlapping tiles of (m+2)×(m+2) inputs."""
    K, m, t = len(w), len(AT), len(BT)
    BT, G, AT = (a.astype(x.dtype) for a in (BT, G, AT))
    P, Q = x.shape[1] - 2, x.shape[2] - 2
    x = np.pad(x, ((0, 0), (0, -P % m), (0, -Q % m)))
    y = np.zeros((K, P + m, Q + m), x.dtype)
    for p in range(0, P, m):
        for q in range(0, Q, m):
            d = x[:, p : p + t, q : q + t]
            y[:, p : p + m, q : q + m] = winograd(
                d, w, BT, G, AT
            )
    return y[:, :P, :Q]


# ANCHOR: fft
def conv_fft(x, w):
    """x: C×H×W. The product is cyclic."""
    _, H, W = x.shape
    R, S = w.shape[2:]
    X = np.fft.rfft2(x)
    F = np.fft.rfft2(w[:, :, ::-1, ::-1], (H, W))
    Y = (X * F).sum(axis=1)
    y = np.fft.irfft2(Y, (H, W))
    return y[:, R - 1 :, S - 1 :]


# ANCHOR_END: fft


def check(name, got, want, tolerance):
    if got.shape != want.shape:
        sys.exit(f"{name}: shape {got.shape}, not {want.shape}")
    error = float(np.abs(got - want).max() / np.abs(want).max())
    if not error <= tolerance:
        sys.exit(
            f"{name}: off by {error:.1e} of the largest output"
        )
    return error


def check_f23(rng):
    d, g = rng.standard_normal(4), rng.standard_normal(3)
    want = np.array([d[:3] @ g, d[1:] @ g])
    check("F(2,3)", np.array(f23(d, g)), want, 1e-12)


def check_all(rng):
    """Every algorithm in fp64 against the definition, on sizes that no tile divides."""
    for C, H, W, K in ((5, 11, 14, 4), (16, 13, 9, 3)):
        x = rng.standard_normal((C, H, W)) + 0.5
        w = rng.standard_normal((K, C, 3, 3))
        want = direct(x, w, 1)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        for name, conv in ALGORITHMS.items():
            check(name, conv(padded, w), want, 1e-12)


def rms_errors(rng):
    """Relative RMS error of each algorithm, all of it in fp32."""
    x = rng.random((64, 28, 28))
    w = rng.standard_normal((8, 64, 3, 3))
    want = direct(x, w, 0)
    scale = np.sqrt(np.mean(want**2))
    x, w = x.astype(np.float32), w.astype(np.float32)
    errors = {}
    for name, conv in ALGORITHMS.items():
        got = conv(x, w)
        if got.dtype != np.float32:
            sys.exit(
                f"{name}: computed in {got.dtype}, not float32"
            )
        check(f"{name}, fp32", got, want, 1e-5)
        errors[name] = float(
            np.sqrt(np.mean((got - want) ** 2)) / scale
        )
    return errors


def print_products():
    print("products per output and channel, 3x3")
    print("  direct       9")
    for m in (2, 4):
        each = (m + 2) ** 2 / m**2
        print(
            f"  F({m}x{m},3x3) {each:.2f}  {9 / each:.2f}x fewer"
        )


def print_errors(errors):
    """Classes only: the last bits depend on the machine's order of additions."""
    print("fp32, C=64: relative RMS error")
    for name, error in errors.items():
        size = (
            "under 4.5e-7" if error < 4.5e-7 else "above 4.5e-7"
        )
        print(f"  {name:<13} {size}")
    ratio = errors["F(4x4,3x3)"] / errors["F(2x2,3x3)"]
    print(
        f"  F(4x4) to F(2x2): {2 ** round(np.log2(ratio))}x (nearest 2^n)"
    )


ALGORITHMS = {
    "im2col + GEMM": conv_im2col,
    "implicit GEMM": conv_implicit,
    "F(2x2,3x3)": conv_winograd,
    "F(4x4,3x3)": lambda x, w: conv_winograd(
        x, w, BT4, G4, AT4
    ),
    "FFT": conv_fft,
}


def main():
    rng = np.random.default_rng(5)
    check_f23(rng)
    check_all(rng)
    errors = rms_errors(rng)
    print_products()
    print_errors(errors)


if __name__ == "__main__":
    main()
