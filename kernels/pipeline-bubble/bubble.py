"""Bubble and peak activations of three pipeline schedules, by running them event by event.

Each stage works through its list in order; an operation starts when its stage is free and its
input has arrived. A backward takes twice as long as a forward. The results must be those of
Narayanan et al. (2021): bubble (p-1)/m of the ideal time, (p-1)/(vm) when interleaved.

    $ python bubble.py
"""

import sys
from fractions import Fraction


def gpipe(rank, p, m, v):
    """All forwards, then all backwards."""
    return [("F", i, 0) for i in range(m)] + [
        ("B", i, 0) for i in range(m)
    ]


def one_f_one_b(rank, p, m, v):
    """p - rank - 1 forwards to warm up, then one of each, then the rest."""
    return alternate(
        [(i, 0) for i in range(m)],
        [(i, 0) for i in range(m)],
        p - rank - 1,
    )


def interleaved(rank, p, m, v):
    """v chunks of layers on each rank; p micro-batches go through a chunk, then the next."""
    forward = [
        (g + i, c)
        for g in range(0, m, p)
        for c in range(v)
        for i in range(p)
    ]
    backward = [
        (g + i, v - 1 - c)
        for g in range(0, m, p)
        for c in range(v)
        for i in range(p)
    ]
    return alternate(
        forward, backward, 2 * (p - rank - 1) + (v - 1) * p
    )


def alternate(forward, backward, warm):
    """Forwards to warm up, then one forward and one backward in turn, then the rest."""
    warm = min(warm, len(forward))
    ops = [("F", *f) for f in forward[:warm]]
    for f, b in zip(forward[warm:], backward, strict=False):
        ops += [("F", *f), ("B", *b)]
    return ops + [
        ("B", *b) for b in backward[len(forward) - warm :]
    ]


def run(schedule, p, m, v):
    """Return (time, most forwards in flight on each rank); a forward on a rank takes 1."""
    lists = [schedule(r, p, m, v) for r in range(p)]
    done, free, at = {}, [Fraction(0)] * p, [0] * p
    flying, peak = [0] * p, [0] * p
    while any(at[r] < len(lists[r]) for r in range(p)):
        moved = False
        for r in range(p):
            while at[r] < len(lists[r]):
                kind, i, chunk = lists[r][at[r]]
                needs = inputs(kind, i, chunk * p + r, p * v)
                if any(need not in done for need in needs):
                    break
                start = max(
                    [free[r], *(done[need] for need in needs)]
                )
                free[r] = start + Fraction(
                    1 if kind == "F" else 2, v
                )
                done[kind, i, chunk * p + r] = free[r]
                flying[r] += 1 if kind == "F" else -1
                peak[r] = max(peak[r], flying[r])
                at[r] += 1
                moved = True
        if not moved:
            sys.exit(
                f"{schedule.__name__}: deadlock with p = {p}, m = {m}, v = {v}"
            )
    if len(done) != 2 * p * m * v:
        sys.exit(
            f"{schedule.__name__}: {len(done)} operations ran, not {2 * p * m * v}"
        )
    return max(free), peak


def inputs(kind, i, stage, stages):
    """What an operation waits for: the stage before; a backward also for its own forward."""
    if kind == "F":
        return [("F", i, stage - 1)] if stage else []
    after = [("B", i, stage + 1)] if stage + 1 < stages else []
    return [("F", i, stage), *after]


def check():
    """Every schedule must have the bubble and the memory that the formulas say."""
    for p, m in ((2, 2), (3, 9), (4, 4), (4, 16), (5, 20)):
        for schedule, v in (
            (gpipe, 1),
            (one_f_one_b, 1),
            (interleaved, 2),
            (interleaved, 3),
        ):
            time, peak = run(schedule, p, m, v)
            if time / (3 * m) - 1 != Fraction(p - 1, v * m):
                sys.exit(
                    f"{schedule.__name__}, p = {p}, m = {m}: {time} units of time"
                )
            if schedule is gpipe and peak != [m] * p:
                sys.exit(f"gpipe holds {peak}")
            if schedule is one_f_one_b and peak != [
                min(p - r, m) for r in range(p)
            ]:
                sys.exit(f"1F1B holds {peak}")


def main():
    """Check, then print the table."""
    check()
    print("p = 4 stages, m micro-batches")
    print("schedule       m  bubble  peak")
    for m in (4, 16):
        for name, schedule, v in (
            ("GPipe", gpipe, 1),
            ("1F1B", one_f_one_b, 1),
            ("interleaved 2", interleaved, 2),
        ):
            time, peak = run(schedule, 4, m, v)
            idle = float(1 - Fraction(3 * m) / time)
            print(
                f"{name:13} {m:2}  {idle:6.1%}  {float(Fraction(max(peak), v)):4g}"
            )
    print("peak: micro-batches held, rank 0")


if __name__ == "__main__":
    main()
