"""A five-stage MIPS pipeline, cycle by cycle: stalls with and without forwarding.

The register file is written in the first half of a cycle and read in the second. Branches are
left out here: only data hazards stall.

    $ python pipeline.py
"""

import sys

# ANCHOR: program
PROGRAM = [  # (text, reads, writes)
    ("lw  $2, 0($1)", {1}, 2),
    ("add $3, $2, $4", {2, 4}, 3),
    ("sub $5, $3, $6", {3, 6}, 5),
    ("or  $7, $1, $6", {1, 6}, 7),
]
# ANCHOR_END: program
INDEPENDENT = [
    (f"add ${d}, $1, $2", {1, 2}, d) for d in (3, 4, 5, 6)
]
STAGES = ("IF", "ID", "EX", "MEM", "WB")


def is_load(text):
    """Tell whether the value exists only after MEM."""
    return text.startswith("lw")


# ANCHOR: stall
def must_wait(reads, older, forwarding):
    """Must the instruction in ID stay there one more cycle?

    older: what stands in EX and in MEM now, as (text, writes).
    """
    in_ex, in_mem = older
    if not forwarding:  # the value is readable in WB
        return any(i and i[1] in reads for i in (in_ex, in_mem))
    # Forwarded into EX; only a load in EX is too late for that.
    if in_ex is None or not is_load(in_ex[0]):
        return False
    return in_ex[1] in reads


# ANCHOR_END: stall


def run(program, forwarding):
    """Simulate; return ({instruction: {cycle: stage}}, number of stall cycles)."""
    # The index of the instruction in each stage.
    at = dict.fromkeys(STAGES)
    seen = {i: {} for i in range(len(program))}
    fetched = cycle = stalls = 0
    while fetched < len(program) or any(
        at[s] is not None for s in STAGES[:4]
    ):
        cycle += 1
        # Whether ID may go on was decided by what stood in front of it.
        waits = False
        if at["ID"] is not None:
            older = tuple(
                None
                if at[s] is None
                else (program[at[s]][0], program[at[s]][2])
                for s in ("EX", "MEM")
            )
            waits = must_wait(
                program[at["ID"]][1], older, forwarding
            )
        at["WB"], at["MEM"] = at["MEM"], at["EX"]
        at["EX"] = None if waits else at["ID"]
        if waits:
            stalls += 1
        else:
            at["ID"] = at["IF"]
            at["IF"] = (
                fetched if fetched < len(program) else None
            )
            fetched += fetched < len(program)
        for stage in STAGES:
            if at[stage] is not None:
                seen[at[stage]].setdefault(cycle, stage)
    return seen, stalls


def last_cycle(seen):
    """Return the cycle in which the last instruction leaves WB."""
    return max(max(cycles) for cycles in seen.values())


def by_rule(program, forwarding):
    """Count stalls without simulating: each pair at its distance, the youngest producer."""
    # The distance at which no stall is needed: 1 or 2 (load) forwarded, otherwise 3.
    start = []  # the cycle of EX, instruction by instruction
    for i, (_, reads, _) in enumerate(program):
        earliest = start[-1] + 1 if start else 3
        for j in range(i):
            if program[j][2] in reads:
                gap = (
                    (2 if is_load(program[j][0]) else 1)
                    if forwarding
                    else 3
                )
                earliest = max(earliest, start[j] + gap)
        start.append(earliest)
    return start[-1] - 3 - (len(program) - 1)


def show(program, seen):
    """Print one row an instruction, one column a cycle."""
    for i, (text, _, _) in enumerate(program):
        row = [
            {"MEM": "ME"}.get(s, s)
            for s in (
                seen[i].get(c, "")
                for c in range(1, last_cycle(seen) + 1)
            )
        ]
        print(
            f"{text.split()[0]:3}"
            + "".join(f"{s:>3}" for s in row).rstrip()
        )


def main():
    """Check the simulator against the rule and the formula, then print."""
    cases = [
        PROGRAM,
        INDEPENDENT,
        PROGRAM[1:],
        PROGRAM[::-1],
        PROGRAM + INDEPENDENT,
    ]
    for number, program in enumerate(cases):
        for forwarding in (False, True):
            seen, stalls = run(program, forwarding)
            if stalls != by_rule(program, forwarding):
                sys.exit(
                    f"program {number}: {stalls} stalls, the rule says otherwise"
                )
            if last_cycle(seen) != len(program) + 4 + stalls:
                sys.exit(
                    f"program {number}: cycles are not n + 4 + stalls"
                )
    for forwarding in (False, True):
        seen, stalls = run(PROGRAM, forwarding)
        cycles = last_cycle(seen)
        name = "forwarding" if forwarding else "no forwarding"
        print(f"{name}: {stalls} stalls, {cycles} cycles")
        show(PROGRAM, seen)


main()
