"""Clock, machine cycle, CPI and MIPS: one 500 MHz clock, two kinds of CPU.

$ python cpi.py
"""

import sys

CLOCK = 500e6


# ANCHOR: mips
def mips(clock, cpi):
    """Millions of instructions a second."""
    return clock / cpi / 1e6


# ANCHOR_END: mips


# ANCHOR: average
MIX = {  # share of the instructions, cycles of each
    "ALU": (0.5, 1),
    "load, store": (0.3, 2),
    "branch": (0.2, 3),
}


def average_cpi(mix):
    """Cycles per instruction, weighted by share."""
    return sum(share * cycles for share, cycles in mix.values())


# ANCHOR_END: average


def counted(mix, n):
    """Count the cycles of n instructions, one by one."""
    cycles = 0
    for share, each in mix.values():
        for _ in range(round(share * n)):
            cycles += each
    return cycles


def main():
    """Check, then print."""
    n = 1000
    if not abs(counted(MIX, n) / n - average_cpi(MIX)) < 1e-9:
        sys.exit("the average CPI is not the counted one")
    clock_ns = 1e9 / CLOCK
    # Assumed: 4 clocks a machine cycle, 3 machine cycles an instruction.
    machine = 4 * clock_ns
    instruction = 3 * machine
    one_by_one = 1e3 / instruction
    if not abs(one_by_one - mips(CLOCK, 12)) < 1e-9:
        sys.exit("time per instruction and CPI disagree")
    print(f"clock 500 MHz: {clock_ns:.0f} ns a cycle")
    print(f"4 clocks a machine cycle: {machine:.0f} ns")
    print(
        f"3 machine cycles, CPI 12: {instruction:.0f} ns, {one_by_one:.2f} MIPS"
    )
    print(f"pipelined, CPI 1: {mips(CLOCK, 1):.0f} MIPS")
    print(
        f"the mix, CPI {average_cpi(MIX):.1f}: {mips(CLOCK, average_cpi(MIX)):.1f} MIPS"
    )


main()
