"""The im2col matrix against the image it comes from, in fp32.

python im2col_size.py
"""

import sys

import numpy as np


# ANCHOR: size
def sizes(C, H, R, stride, pad):
    """Bytes of the image and of its im2col matrix."""
    P = (H + 2 * pad - R) // stride + 1
    return 4 * C * H * H, 4 * (C * R * R) * (P * P)


# ANCHOR_END: size


def built(C, H, R, stride, pad):
    """Bytes of both when they are really built, window by window."""
    x = np.zeros((C, H, H), np.float32)
    wide = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    starts = range(0, H + 2 * pad - R + 1, stride)
    windows = [
        wide[:, p : p + R, q : q + R].ravel()
        for p in starts
        for q in starts
    ]
    return x.nbytes, np.stack(windows).nbytes


def main():
    for name, layer in (
        ("1x1,   64ch, 56x56", (64, 56, 1, 1, 0)),
        ("3x3,   64ch, 56x56", (64, 56, 3, 1, 1)),
        ("7x7/2, 3ch, 224x224", (3, 224, 7, 2, 3)),
    ):
        image, matrix = sizes(*layer)
        if (image, matrix) != built(*layer):
            sys.exit(f"{name}: built {built(*layer)} bytes")
        print(f"{name}")
        print(
            f"  {image / 1e6:.2f} -> {matrix / 1e6:.2f} MB, {matrix / image:.2f}x"
        )


if __name__ == "__main__":
    main()
