"""PyTorch's scaled_dot_product_attention against the formula: the same result for a causal
prompt; for one new query with a KV cache, is_causal=True is the wrong mask.

Run: python sdpa.py
"""

import math
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_num_threads(1)


def formula(q, k, v, keep=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if keep is not None:
        s = s.masked_fill(~keep, -math.inf)
    return torch.softmax(s, dim=-1) @ v


def gap(a, b):
    return (a - b).abs().max().item()


# ANCHOR: decode
B, H, L, d = 2, 4, 9, 16  # 9 keys are cached
k = torch.randn(B, H, L, d, dtype=torch.float64)
v = torch.randn(B, H, L, d, dtype=torch.float64)
prompt = torch.randn(B, H, L, d, dtype=torch.float64)
q = prompt[:, :, -1:]  # one new query

step = F.scaled_dot_product_attention(q, k, v)
full = F.scaled_dot_product_attention(
    prompt, k, v, is_causal=True
)
causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
# ANCHOR_END: decode

keep = torch.tril(torch.ones(L, L, dtype=torch.bool))
checks = (
    (
        "prompt, is_causal=True",
        gap(full, formula(prompt, k, v, keep)) <= 1e-12,
    ),
    (
        "1 query, no mask = last row",
        gap(step, full[:, :, -1:]) <= 1e-12,
    ),
    (
        "1 query, is_causal=True = v[0]",
        gap(causal, v[:, :, :1]) <= 1e-12,
    ),
    (
        "bool mask: True takes part",
        gap(
            F.scaled_dot_product_attention(
                prompt, k, v, attn_mask=keep
            ),
            full,
        )
        <= 1e-12,
    ),
)
for what, good in checks:
    print(f"{what}: {'yes' if good else 'no'}")
if not all(good for _, good in checks):
    print("torch and the formula differ", file=sys.stderr)
    sys.exit(1)
