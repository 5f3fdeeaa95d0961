"""Coding a model: entropy of quantised weights against the length of their Huffman code.

python huffman.py
"""

import heapq
import itertools
import sys
from collections import Counter
from math import log2

import numpy as np


# ANCHOR: lengths
def code_lengths(counts):
    """Bits of each symbol: merge the two rarest, again."""
    order = itertools.count()
    heap = [(n, next(order), [s]) for s, n in counts.items()]
    heapq.heapify(heap)
    bits = dict.fromkeys(counts, 0)
    while len(heap) > 1:
        n, _, left = heapq.heappop(heap)
        m, _, right = heapq.heappop(heap)
        for s in left + right:
            bits[s] += 1
        heapq.heappush(heap, (n + m, next(order), left + right))
    return bits


# ANCHOR_END: lengths


# ANCHOR: measure
def entropy(counts):
    total = sum(counts.values())
    return sum(
        n / total * log2(total / n) for n in counts.values()
    )


def mean_length(counts, bits):
    total = sum(counts.values())
    return sum(n * bits[s] for s, n in counts.items()) / total


# ANCHOR_END: measure


def codebook(bits):
    """Canonical code words of the given lengths."""
    word, previous, book = 0, 0, {}
    for s in sorted(bits, key=lambda s: (bits[s], s)):
        word <<= bits[s] - previous
        previous = bits[s]
        book[s] = format(word, f"0{bits[s]}b")
        word += 1
    return book


def decode(text, book):
    by_word, symbols, word = (
        {w: s for s, w in book.items()},
        [],
        "",
    )
    for bit in text:
        word += bit
        if word in by_word:
            symbols.append(by_word[word])
            word = ""
    return symbols


def best_length(counts):
    """The shortest mean length of any prefix code of few symbols: all lengths tried."""
    n, total = len(counts), sum(counts.values())
    return min(
        sum(c * b for c, b in zip(counts.values(), lengths))
        / total
        for lengths in itertools.product(range(1, n), repeat=n)
        if sum(2.0**-b for b in lengths) <= 1
    )


def check(name, values):
    counts = Counter(values)
    bits = code_lengths(counts)
    H, L = entropy(counts), mean_length(counts, bits)
    kraft = sum(2.0**-b for b in bits.values())
    if kraft != 1:
        sys.exit(f"{name}: Kraft sum {kraft:.3f}, not 1")
    if not H - 1e-9 <= L < H + 1:
        sys.exit(f"{name}: {L:.3f} bits, entropy {H:.3f}")
    if (
        len(counts) <= 5
        and not abs(L - best_length(counts)) < 1e-9
    ):
        sys.exit(
            f"{name}: {L:.3f} bits, but {best_length(counts):.3f} is possible"
        )
    book = codebook(bits)
    text = "".join(book[v] for v in values)
    if decode(text, book) != list(values):
        sys.exit(f"{name}: does not decode to itself")
    if len(text) != round(L * len(values)):
        sys.exit(f"{name}: the text has another length")
    return H, L, bits


def main():
    rng = np.random.default_rng(2)
    weights = rng.standard_normal(30011)
    edge = np.abs(weights).max()
    four = ["a"] * 60 + ["b"] * 20 + ["c"] * 15 + ["d"] * 5
    pruned = np.where(np.abs(weights) < 1.2816, 0, weights)
    cases = {
        "60 20 15 5 %": (2, four),
        "35 17 17 16 15 %": (
            3,
            [
                s
                for s, n in zip("abcde", (35, 17, 17, 16, 15))
                for _ in range(n)
            ],
        ),
        "normal, int8": (
            8,
            np.rint(weights * 127 / edge).astype(int).tolist(),
        ),
        "normal, int4": (
            4,
            np.rint(weights * 7 / edge).astype(int).tolist(),
        ),
        "80 % zero, int4": (
            4,
            np.rint(pruned * 7 / edge).astype(int).tolist(),
        ),
    }
    print("weights          bits entropy Huffman")
    for name, (fixed, values) in cases.items():
        H, L, bits = check(name, values)
        print(f"{name:<16} {fixed:4d} {H:7.3f} {L:7.3f}")
        if len(bits) == 4:
            print(
                "  lengths "
                + " ".join(f"{s}:{bits[s]}" for s in "abcd")
            )


if __name__ == "__main__":
    main()
