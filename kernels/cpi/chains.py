"""How many independent chains fill a pipelined unit: latency 4, two starts a cycle.

Each cycle starts up to two operations whose predecessor in their chain is done.

    $ python chains.py
"""

import sys

# Assumed: an FMA of latency 4, two pipelines (Skylake's figures in LLVM's model).
LATENCY, UNITS = 4, 2


# ANCHOR: simulate
def cycles_per_op(chains, rounds=1000):
    """Steady state of `chains` dependent chains."""
    ready = [0] * chains  # cycle when a chain's result is there
    left = [rounds] * chains
    cycle = 0
    while any(left):
        starts = 0
        for c in sorted(range(chains), key=lambda c: ready[c]):
            if left[c] and ready[c] <= cycle and starts < UNITS:
                ready[c] = cycle + LATENCY
                left[c] -= 1
                starts += 1
        cycle += 1
    return cycle / (chains * rounds)


# ANCHOR_END: simulate


def main():
    """Check against max(latency / chains, 1 / units), then print."""
    print("chains  cycles/FMA")
    for chains in (1, 2, 4, 8, 10):
        got = cycles_per_op(chains)
        bound = max(LATENCY / chains, 1 / UNITS)
        if not abs(got - bound) < 0.01 * bound:
            sys.exit(
                f"{chains} chains: {got} cycles, the bound is {bound}"
            )
        print(f"{chains:6}  {got:10.1f}")


main()
