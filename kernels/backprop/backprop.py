"""Back-propagation through a two-layer network by hand, in NumPy.

Every gradient is checked against central differences of the loss, element by element.
Run: python backprop.py
"""

import sys

import numpy as np


# ANCHOR: forward
def forward(X, W1, b1, W2, b2):
    A = X @ W1 + b1  # B x H
    H = np.maximum(A, 0)  # ReLU
    Y = H @ W2 + b2  # B x C
    return A, H, Y


# ANCHOR_END: forward


def loss_of(Y, T):
    """Half the squared error, averaged over the batch."""
    return 0.5 * np.sum((Y - T) ** 2) / len(T)


# ANCHOR: backward
def backward(X, T, W2, A, H, Y):
    dY = (Y - T) / len(T)  # dL/dY of 0.5*|Y-T|^2/B
    dW2 = H.T @ dY  # H x C
    db2 = dY.sum(axis=0)  # b2 was broadcast
    dH = dY @ W2.T  # B x H
    dA = dH * (A > 0)  # ReLU's slope: 0 or 1
    dW1 = X.T @ dA  # D x H
    db1 = dA.sum(axis=0)
    return dW1, db1, dW2, db2


# ANCHOR_END: backward


def central_difference(f, p, eps=1e-6):
    """dL/dp by moving one element at a time: two losses an element."""
    grad = np.zeros_like(p)
    for i in np.ndindex(p.shape):
        keep = p[i]
        p[i] = keep + eps
        up = f()
        p[i] = keep - eps
        grad[i] = (up - f()) / (2 * eps)
        p[i] = keep
    return grad


def main():
    rng = np.random.default_rng(7)
    B, D, H, C = 5, 3, 4, 2
    X, T = rng.normal(size=(B, D)), rng.normal(size=(B, C))
    W1, b1 = rng.normal(size=(D, H)), rng.normal(size=H)
    W2, b2 = rng.normal(size=(H, C)), rng.normal(size=C)
    A, hidden, Y = forward(X, W1, b1, W2, b2)
    grads = backward(X, T, W2, A, hidden, Y)
    failed = False
    for name, p, g in zip(
        ("W1", "b1", "W2", "b2"), (W1, b1, W2, b2), grads
    ):
        want = central_difference(
            lambda: loss_of(forward(X, W1, b1, W2, b2)[2], T), p
        )
        if g.shape != p.shape:
            print(
                f"d{name}: shape {g.shape}, but {name} has {p.shape}",
                file=sys.stderr,
            )
            failed = True
            continue
        err = np.abs(g - want).max()
        if not err <= 1e-8:
            print(
                f"d{name}: off by {err:.3f} from the difference quotient",
                file=sys.stderr,
            )
            failed = True
            continue
        print(f"d{name}: shape {g.shape}, error below 1e-8")
    sys.exit(failed)


main()
