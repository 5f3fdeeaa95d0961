"""Bytes of the KV cache for the shapes of public models. The formula is checked against the
arrays that a cache of the same shape really allocates, and the cache against recomputing.

Run: python kv_cache.py
"""

import sys

import numpy as np


# ANCHOR: bytes
def kv_bytes_per_token(layers, kv_heads, head_dim, size=2):
    return 2 * layers * kv_heads * head_dim * size  # K, V


MODELS = {  # layers, KV heads, head size
    "Llama 2 7B": (32, 32, 128),  # no GQA
    "Llama 3.1 8B": (32, 8, 128),
    "Llama 3.1 70B": (80, 8, 128),
    "Llama 3.1 405B": (126, 8, 128),
}


def table(context=4096):
    print(f"{'FP16 / BF16':14} KiB/token  GiB at {context}")
    for name, shape in MODELS.items():
        b = kv_bytes_per_token(*shape)
        gib = b * context / 2**30
        print(f"{name:14} {b / 1024:9.0f} {gib:10.2f}")


# ANCHOR_END: bytes


def really_allocated(layers, kv_heads, head_dim, tokens):
    """The bytes of K and V arrays, layer by layer, that hold so many tokens."""
    kv = [
        np.zeros((kv_heads, tokens, head_dim), np.float16)
        for _ in range(2 * layers)
    ]
    return sum(a.nbytes for a in kv)


def main():
    for name, (layers, kv_heads, head_dim) in MODELS.items():
        want = really_allocated(layers, kv_heads, head_dim, 3)
        got = 3 * kv_bytes_per_token(layers, kv_heads, head_dim)
        if got != want:
            print(
                f"{name}: {got} bytes by the formula, {want} in arrays",
                file=sys.stderr,
            )
            sys.exit(1)
    table()


main()
