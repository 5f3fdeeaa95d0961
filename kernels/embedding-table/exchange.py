"""What each GPU sends in the all-to-all after the look-ups of 26 tables on 8 GPUs.

python exchange.py
"""

import sys

DIM = 64  # elements of an embedding vector
TABLES = 26  # placed whole, 3 or 4 on a GPU
BATCH = 65536  # samples per step, over all GPUs
GPUS = 8


# ANCHOR: exchange
def sent_bytes(tables_here):
    """What a GPU sends: all but its own share of the batch."""
    pooled = BATCH * tables_here * DIM * 2
    return pooled * (GPUS - 1) // GPUS


# ANCHOR_END: exchange


def require(name, got, expected):
    if not got == expected:
        sys.exit(f"{name}: {got} instead of {expected}")


def check_exchange():
    """Count the vectors that leave a GPU, one sample at a time."""
    for here in (0, 1, 4):
        leaving = sum(
            here * DIM * 2
            for s in range(BATCH)
            if s % GPUS != 0
        )
        require(f"{here} tables", sent_bytes(here), leaving)


def main():
    check_exchange()
    per = [
        TABLES // GPUS + (g < TABLES % GPUS)
        for g in range(GPUS)
    ]
    require("tables", sum(per), TABLES)
    print(f"tables per GPU {per}")
    for here in sorted(set(per)):
        print(
            f"{here} tables send {sent_bytes(here) / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
