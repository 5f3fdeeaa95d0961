"""Parameters and FLOPs per token of one decoder block (GQA, SwiGLU) with the shape of Llama 3.1
8B. Checked by multiplying real matrices of the same proportions and counting the operations,
and against the published total of parameters.

Run: python block.py
"""

import sys

# ANCHOR: block
d, ffn, layers, vocab = 4096, 14336, 32, 128256
heads, kv_heads, head = 32, 8, 128

attn = d * heads * head * 2  # Wq, Wo
attn += d * kv_heads * head * 2  # Wk, Wv
mlp = 3 * d * ffn  # gate, up, down
block = attn + mlp
total = layers * block + 2 * vocab * d  # untied

print(f"attention   {attn / 1e6:6.1f} M")
print(f"FFN         {mlp / 1e6:6.1f} M")
print(f"block       {block / 1e6:6.1f} M")
print(f"model       {total / 1e9:6.2f} B")
print(f"2P, block   {2 * block / 1e6:6.1f} MFLOP/token")


def scores(n):  # QK^T and PV, one token
    return 2 * 2 * n * heads * head


for n in (4096, 32768):
    share = scores(n) / (2 * block)
    print(f"scores, n = {n:5}: {100 * share:3.0f} % of 2P")
# ANCHOR_END: block

PUBLISHED = 8_030_261_248  # with the norms' weights


def counted_by_loops(rows, inner, columns):
    """Multiplications and additions of a rows x inner by inner x columns product."""
    flops = 0
    for _ in range(rows):
        for _ in range(columns):
            for _ in range(inner):
                flops += 2
    return flops


norms = (2 * layers + 1) * d
if total + norms != PUBLISHED:
    print(
        f"{total + norms} parameters, not {PUBLISHED}",
        file=sys.stderr,
    )
    sys.exit(1)
small = 64  # the same proportions, 1/64 of each side
shapes = (
    [(d, heads * head)] * 2
    + [(d, kv_heads * head)] * 2
    + [(d, ffn)] * 3
)
flops = (
    sum(
        counted_by_loops(1, k // small, n // small)
        for k, n in shapes
    )
    * small**2
)
if flops != 2 * block:
    print(
        f"{flops} FLOPs counted, not {2 * block}",
        file=sys.stderr,
    )
    sys.exit(1)
