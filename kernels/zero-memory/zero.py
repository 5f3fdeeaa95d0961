"""Bytes per GPU and traffic of ZeRO stages 0 to 3, counted on real arrays.

Every rank really holds its arrays, trains two steps of mixed-precision Adam, and must end with
the weights that one machine holding everything gets.

    $ python zero.py
"""

import sys

import numpy as np

RATE, B1, B2, EPS = 1e-2, 0.9, 0.95, 1e-8
# Parameters: no multiple of any number of ranks here.
COUNT = 1003


# ANCHOR: states
def states(stage, n, rank, count=COUNT):
    """What one rank keeps, as arrays: FP16 w, g; FP32 Adam."""
    own = len(np.array_split(np.arange(count), n)[rank])
    params = own if stage >= 3 else count
    grads = own if stage >= 2 else count
    optim = own if stage >= 1 else count
    return {
        "w": np.zeros(params, np.float16),
        "g": np.zeros(grads, np.float16),
        "master": np.zeros(optim, np.float32),
        "m": np.zeros(optim, np.float32),
        "v": np.zeros(optim, np.float32),
    }
    # ANCHOR_END: states


def per_parameter(stage, n):
    """Bytes for each parameter, by the formulas of the ZeRO paper."""
    return (16, 4 + 12 / n, 2 + 14 / n, 16 / n)[stage]


def adam(state, grad, step):
    """One step of Adam in FP32 on the arrays that this rank owns."""
    g = grad.astype(np.float32)
    state["m"] = B1 * state["m"] + (1 - B1) * g
    state["v"] = B2 * state["v"] + (1 - B2) * g * g
    m, v = (
        state["m"] / (1 - B1**step),
        state["v"] / (1 - B2**step),
    )
    state["master"] = state["master"] - np.float32(RATE) * m / (
        np.sqrt(v) + EPS
    )


def sharded(start, grads, n):
    """Train with states in n shards; return the FP16 weights and the elements sent by rank 0."""
    parts = np.array_split(np.arange(COUNT), n)
    ranks = [states(2, n, r) for r in range(n)]
    weights, sent = start.astype(np.float16), 0
    for r, part in enumerate(parts):
        ranks[r]["master"] = start[part].copy()
    for step, local in enumerate(grads, 1):
        total = local.sum(axis=0)
        for r, part in enumerate(parts):
            # Reduce-scatter: only its own part arrives.
            adam(ranks[r], total[part], step)
        # All-gather of the new weights.
        masters = np.concatenate([s["master"] for s in ranks])
        weights = masters.astype(np.float16)
        sent += 2 * (COUNT - len(parts[0]))
    return weights, sent / len(grads)


def whole(start, grads):
    """The same training on one machine."""
    state = states(0, 1, 0)
    state["master"] = start.copy()
    for step, local in enumerate(grads, 1):
        adam(state, local.sum(axis=0), step)
    return state["master"].astype(np.float16)


def check():
    """Count what the arrays hold, and train: both must fit the formulas."""
    for n in (1, 3, 8, 64):
        for stage in range(4):
            held = max(
                sum(
                    a.nbytes
                    for a in states(stage, n, r).values()
                )
                for r in range(n)
            )
            # A part may be one parameter longer than COUNT / n.
            if (
                not 0
                <= held - per_parameter(stage, n) * COUNT
                < 16
            ):
                sys.exit(
                    f"stage {stage}, {n} ranks: {held} bytes are held"
                )
        rng = np.random.default_rng(n)
        start = rng.normal(size=COUNT).astype(np.float32)
        grads = rng.normal(size=(2, n, COUNT)).astype(
            np.float32
        )
        weights, sent = sharded(start, grads, n)
        if not np.array_equal(weights, whole(start, grads)):
            sys.exit(
                f"{n} ranks: sharded Adam differs from Adam on one machine"
            )
        if not abs(sent - 2 * (n - 1) / n * COUNT) < 2:
            sys.exit(f"{n} ranks: {sent} elements sent a step")


def main():
    """Check, then print the table."""
    check()
    n, psi = 64, 7.5e9
    print("7.5 B parameters, 64 GPUs")
    print("stage  bytes/param  GB per GPU")
    for stage in range(4):
        each = per_parameter(stage, n)
        print(
            f"{stage:^5}  {each:11.2f}  {each * psi / 1e9:10.1f}"
        )


if __name__ == "__main__":
    main()
