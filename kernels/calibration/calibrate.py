"""Four ways to choose the clipping threshold of one heavy-tailed tensor, and what each costs.

python calibrate.py
"""

import sys

import numpy as np

BINS = 2048


# ANCHOR: fake
def fake_quantise(x, threshold, top):
    """Codes -top … top: 127 for int8, 7 for int4."""
    scale = threshold / top
    q = np.clip(np.rint(x / scale), -top, top)
    return q * scale


# ANCHOR_END: fake


# ANCHOR: simple
def min_max(x, top):
    return np.abs(x).max()


def percentile(x, top, percent=99.9):
    return np.percentile(np.abs(x), percent)


def mse(x, top):
    grid = np.abs(x).max() * np.arange(1, 201) / 200
    errors = [
        np.mean((fake_quantise(x, t, top) - x) ** 2)
        for t in grid
    ]
    return grid[np.argmin(errors)]


# ANCHOR_END: simple


# ANCHOR: divergence
def divergence(counts, keep, merged):
    """KL(clipped histogram || it in `merged` levels)."""
    inside = counts[:keep].astype(float)
    p = inside.copy()
    p[-1] += counts[keep:].sum()  # what gets clipped
    q = np.zeros(keep)
    for part in np.array_split(np.arange(keep), merged):
        filled = part[inside[part] > 0]
        if filled.size:
            q[filled] = inside[filled].mean()
    p, q = p / p.sum(), np.maximum(q / q.sum(), 1e-9)
    used = p > 0
    return np.sum(p[used] * np.log(p[used] / q[used]))


# ANCHOR_END: divergence


def entropy(x, top):
    edge = np.abs(x).max()
    counts, edges = np.histogram(np.abs(x), BINS, (0, edge))
    keeps = range(top + 1, BINS + 1, 8)
    best = min(
        keeps, key=lambda k: divergence(counts, k, top + 1)
    )
    return edges[best]


def nearest_code(x, threshold, top):
    """The definition of the quantiser: the nearest of all its values."""
    values = threshold / top * np.arange(-top, top + 1)
    right = np.clip(
        np.searchsorted(values, x), 1, len(values) - 1
    )
    left = right - 1
    return np.where(
        x - values[left] < values[right] - x,
        values[left],
        values[right],
    )


def check_quantiser(x, threshold, top, name):
    got = fake_quantise(x, threshold, top)
    want = nearest_code(x, threshold, top)
    error = np.abs(np.abs(got - x) - np.abs(want - x)).max()
    if not error <= 1e-9 * threshold:
        sys.exit(
            f"{name}: the error differs by {error:.3f} from the nearest code's"
        )


def kl_by_loops(x, keep, merged):
    """The divergence once more, value by value, without arrays."""
    edge = float(np.abs(x).max())
    counts = [0] * BINS
    for v in np.abs(x):
        counts[min(int(v / edge * BINS), BINS - 1)] += 1
    p = counts[: keep - 1] + [
        counts[keep - 1] + sum(counts[keep:])
    ]
    q, start = [0.0] * keep, 0
    for group in range(merged):
        size = keep // merged + (group < keep % merged)
        members = [
            i for i in range(start, start + size) if counts[i]
        ]
        for i in members:
            q[i] = sum(counts[j] for j in members) / len(
                members
            )
        start += size
    total_p, total_q = sum(p), sum(q)
    return sum(
        a
        / total_p
        * np.log(a / total_p / max(b / total_q, 1e-9))
        for a, b in zip(p, q)
        if a
    )


def check_choices(x, chosen, top):
    size = np.abs(x)
    clipped = {
        name: int((size > t).sum())
        for name, t in chosen.items()
    }
    if clipped["min-max"] != 0:
        sys.exit("min-max clips")
    if not abs(clipped["percentile"] - len(x) / 1000) <= 1:
        sys.exit(
            f"percentile clips {clipped['percentile']} values"
        )
    errors = {
        name: np.mean((nearest_code(x, t, top) - x) ** 2)
        for name, t in chosen.items()
    }
    if not errors["mse"] <= min(errors.values()) * (1 + 1e-3):
        sys.exit(
            "another threshold has a smaller squared error"
        )
    keep = round(chosen["entropy"] / size.max() * BINS)
    mine = kl_by_loops(x, keep, top + 1)
    for other in range(top + 1, BINS, 160):
        if not mine <= kl_by_loops(x, other, top + 1) + 1e-6:
            sys.exit(
                f"entropy keeps {keep} bins; {other} would diverge less"
            )


def main():
    rng = np.random.default_rng(11)
    x = rng.standard_t(4, 20011)
    body = np.abs(x) < 2
    print("bits method      clip  step  cut   rms |x|<2")
    for bits, top in ((8, 127), (4, 7)):
        chosen = {
            "min-max": min_max(x, top),
            "percentile": percentile(x, top),
            "entropy": entropy(x, top),
            "mse": mse(x, top),
        }
        for name, t in chosen.items():
            check_quantiser(x, t, top, name)
        check_choices(x, chosen, top)
        for name, t in chosen.items():
            e = fake_quantise(x, t, top) - x
            rms = np.sqrt(np.mean(e**2))
            inner = np.sqrt(np.mean(e[body] ** 2))
            clipped = int((np.abs(x) > t).sum())
            print(
                f"{bits:4d} {name:<10} {t:5.2f} {t / top:5.3f}"
                f" {clipped:4d} {rms:5.3f} {inner:5.3f}"
            )


if __name__ == "__main__":
    main()
