"""The order in which each stage works under 1F1B: printed, and checked by playing it.

$ python order.py
"""

import sys


# ANCHOR: order
def order(stage, p, m):
    """p stages, m micro-batches."""
    warm = min(p - 1 - stage, m)
    ops = [f"F{i}" for i in range(warm)]
    for i in range(m - warm):
        ops += [f"F{warm + i}", f"B{i}"]
    return ops + [f"B{i}" for i in range(m - warm, m)]


def show(p, m):
    """Print a line for each stage."""
    for stage in range(p):
        print(stage, *order(stage, p, m))
    # ANCHOR_END: order


def play(p, m):
    """Run the lists against each other; return the most forwards that each stage held."""
    lists, at = [order(s, p, m) for s in range(p)], [0] * p
    done, held, most = set(), [0] * p, [0] * p
    while any(at[s] < len(lists[s]) for s in range(p)):
        before = sum(at)
        for s in range(p):
            if at[s] == len(lists[s]):
                continue
            kind, i = lists[s][at[s]][0], lists[s][at[s]][1:]
            source = s - 1 if kind == "F" else s + 1
            own_forward = kind == "F" or ("F", i, s) in done
            if own_forward and (
                not 0 <= source < p or (kind, i, source) in done
            ):
                done.add((kind, i, s))
                held[s] += 1 if kind == "F" else -1
                most[s] = max(most[s], held[s])
                at[s] += 1
        if sum(at) == before:
            sys.exit(f"deadlock: p = {p}, m = {m}")
    if len(done) != 2 * p * m:
        sys.exit(f"{len(done)} operations, not {2 * p * m}")
    return most


def main():
    """Check several pipelines, then print one."""
    for p, m in (
        (4, 9),
        (1, 3),
        (2, 1),
        (3, 4),
        (4, 3),
        (5, 5),
    ):
        most = play(p, m)
        if most != [min(p - s, m) for s in range(p)]:
            sys.exit(
                f"p = {p}, m = {m}: the stages hold {most}"
            )
    show(3, 4)


if __name__ == "__main__":
    main()
