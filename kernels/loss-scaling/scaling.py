"""Loss scaling: tiny FP16 gradients vanish, scaled ones survive; a dynamic scale finds its place.

python scaling.py
"""

import sys

import numpy as np


# ANCHOR: scaler
class DynamicScaler:
    def __init__(self, scale=2.0**16, interval=200):
        self.scale = scale
        self.interval = interval
        self.good = 0

    def step(self, scaled):
        """FP32 gradients, or None: skip."""
        if not np.isfinite(scaled).all():
            self.scale /= 2
            self.good = 0
            return None
        grads = scaled.astype(np.float32) / self.scale
        self.good += 1
        if self.good == self.interval:
            self.scale *= 2
            self.good = 0
        return grads


# ANCHOR_END: scaler


def to_half(g, scale):
    """What backward hands over: gradients of the scaled loss, in FP16."""
    with np.errstate(over="ignore"):
        return (g * scale).astype(np.float16)


def lost(g, scale):
    """Share of the non-zero gradients that became 0."""
    return float(np.mean(to_half(g, scale)[g != 0] == 0))


def check_lost(g, share, scale):
    """Against the definition: at most half the smallest subnormal, 2^-25, rounds to 0."""
    expected = np.mean(np.abs(g) * scale <= 2.0**-25)
    if not abs(share - expected) < 1e-12:
        sys.exit(
            f"scale {scale}: {share} lost, expected {expected}"
        )


def run_dynamic(rng, steps=900):
    scaler, skipped, worst = DynamicScaler(), 0, 0.0
    for _ in range(steps):
        g = rng.standard_normal(257) * 0.7
        out = scaler.step(to_half(g, scaler.scale))
        skipped += out is None
        if out is not None:
            worst = max(worst, np.abs(out / g - 1).max())
    return scaler.scale, skipped, worst


def main():
    rng = np.random.default_rng(5)
    g = 2.0 ** rng.normal(-24, 3, 20011)
    for exponent in (0, 3, 10):
        share = lost(g, 2.0**exponent)
        check_lost(g, share, 2.0**exponent)
        print(
            f"scale 2^{exponent:<2}  lost {100 * share:5.2f} %"
        )
    scale, skipped, worst = run_dynamic(rng)
    if not worst < 2.0**-11 * 1.001:
        sys.exit(f"a kept gradient is {worst:.2e} off")
    # 0.7 * 2^16 overflows at once; the scale must stay where 4 sigma fits below 65504.
    if not (skipped >= 1 and 2.0**12 <= scale <= 2.0**16):
        sys.exit(
            f"the scale went to {scale} after {skipped} skips"
        )
    print(f"dynamic 2^16 -> 2^{int(np.log2(scale))}")
    print(f"skipped {skipped} of 900 steps")


if __name__ == "__main__":
    main()
