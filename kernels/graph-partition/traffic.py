"""Bytes that one decoded token moves between 8 GPUs, cut by tensors or by layers.

Run: python traffic.py
"""

import sys

# ANCHOR: given
GPUS, LAYERS, HIDDEN, BYTES = 8, 80, 8192, 2  # bf16

message = HIDDEN * BYTES  # one token
all_reduces = 2 * LAYERS  # attention, MLP
ring = 2 * (GPUS - 1) * message // GPUS  # sent by a GPU
tensor_parallel = all_reduces * ring
pipeline = (GPUS - 1) * message  # all boundaries
# ANCHOR_END: given


def ring_bytes(ranks: int, size: int) -> list[int]:
    """Bytes that each rank sends in a ring all-reduce, counted step by step, the sum checked."""
    chunk = size // ranks
    have = [
        [{rank} for _ in range(ranks)] for rank in range(ranks)
    ]
    sent = [0] * ranks
    for step in range(2 * (ranks - 1)):
        moves = []
        for rank in range(ranks):
            at = (rank - step) % ranks
            moves.append(
                ((rank + 1) % ranks, at, have[rank][at])
            )
            sent[rank] += chunk
        for to, at, parts in moves:
            have[to][at] = have[to][at] | parts
    if any(
        parts != set(range(ranks))
        for row in have
        for parts in row
    ):
        raise ValueError("the ring did not add up every rank")
    return sent


def main() -> None:
    if ring_bytes(GPUS, message) != [ring] * GPUS:
        print(
            "the formula of the ring is not its count",
            file=sys.stderr,
        )
        sys.exit(1)
    print(f"message: {message / 1024:.0f} KiB")
    print(
        f"tensor parallel: {all_reduces} all-reduces,",
        f"{tensor_parallel / 2**20:.1f} MiB sent per GPU",
    )
    print(
        f"pipeline: {GPUS - 1} sends, {pipeline / 1024:.0f} KiB in all"
    )


main()
