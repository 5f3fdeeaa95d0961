"""The roofline: attainable FLOP/s, ridge points, and the intensity of known kernels.

Peaks are the vendors' dense figures; intensities are counted, not assumed.

python roofline.py
"""

import sys
from fractions import Fraction as F

# TFLOP/s FP32 (no Tensor Cores), TFLOP/s FP16 (Tensor Cores, dense), TB/s
GPUS = {
    "A100 SXM 80 GB": (19.5, 312, 2.039),
    "H100 SXM": (67, 989, 3.35),
    "H200 SXM": (67, 989, 4.8),
    "B200 SXM": (80, 2250, 8.0),
}


# ANCHOR: attainable
def attainable(peak, bandwidth, intensity):
    """FLOP/s = min(FLOP/s, FLOP/byte x byte/s)."""
    return min(peak, intensity * bandwidth)


def ridge(peak, bandwidth):
    """FLOP/byte from which the peak is in reach."""
    return peak / bandwidth


# ANCHOR_END: attainable


# ANCHOR: cpu
def cpu_peak(cores, hertz, fma_units, vector_bits, bits):
    lanes = vector_bits // bits
    return cores * hertz * fma_units * lanes * 2


def dram_peak(channels, transfers, bus_bits=64):
    return channels * transfers * bus_bits // 8


# ANCHOR_END: cpu


# ANCHOR: tiled
def tiled_gemm(bm, bn, size=4):
    """One step of k: bm + bn loads feed bm bn FMAs."""
    return F(2 * bm * bn, size * (bm + bn))


# ANCHOR_END: tiled


def formulas(n):
    """FLOP and bytes of FP32 kernels on n elements (n x n for matrices), each datum moved once."""
    inner = (n - 2) ** 2
    return {
        "copy, transpose": (0, 8 * n),
        "vector add": (n, 12 * n),
        "saxpy": (2 * n, 12 * n),
        "dot": (2 * n - 1, 8 * n),
        "5-point stencil": (5 * inner, 4 * (n * n - 4 + inner)),
        "gemv": (2 * n * n - n, 4 * (n * n + 2 * n)),
        "gemm, all reuse": (2 * n**3 - n * n, 12 * n * n),
    }


class Counter:
    """Counts operations, and each element of memory once however often it is touched."""

    def __init__(self):
        self.flop, self.seen = 0, set()

    def touch(self, *elements):
        self.seen.update(elements)

    def result(self):
        return self.flop, 4 * len(self.seen)


def traced(n):
    """The same pairs, found by walking the loops of each kernel."""
    runs = {}
    for name, per, arrays in (
        ("copy, transpose", 0, "ab"),
        ("vector add", 1, "abc"),
        ("saxpy", 2, "xyz"),
    ):
        c = Counter()
        for i in range(n):
            c.flop += per
            c.touch(*((a, i) for a in arrays))
        runs[name] = c.result()
    c = Counter()
    for i in range(n):
        c.flop += (
            2 if i else 1
        )  # the first product needs no addition
        c.touch(("a", i), ("b", i))
    runs["dot"] = c.result()
    c = Counter()
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            c.flop += 5  # four additions, one multiplication
            near = (
                (i, j),
                (i - 1, j),
                (i + 1, j),
                (i, j - 1),
                (i, j + 1),
            )
            c.touch(("out", i, j), *(("in", *p) for p in near))
    runs["5-point stencil"] = c.result()
    for name, columns in (("gemv", 1), ("gemm, all reuse", n)):
        c = Counter()
        for i in range(n):
            for j in range(columns):
                for k in range(n):
                    c.flop += 2 if k else 1
                    c.touch(
                        ("A", i, k), ("B", k, j), ("C", i, j)
                    )
        runs[name] = c.result()
    return runs


def traced_tile(m, n, k, bm, bn):
    """FLOP per byte of a tiled GEMM: each tile loads its rows of A and columns of B once."""
    flop = loads = 0
    for i in range(0, m, bm):
        for j in range(0, n, bn):
            rows, cols = min(bm, m - i), min(bn, n - j)
            for _ in range(k):
                loads += rows + cols
                flop += 2 * rows * cols
    return F(flop, 4 * loads)


def check():
    for n in (3, 8, 13):
        for name, pair in traced(n).items():
            if formulas(n)[name] != pair:
                sys.exit(
                    f"{name}, n = {n}: {pair} traced, {formulas(n)[name]} by the formula"
                )
    for bm, bn in ((1, 1), (4, 4), (8, 16), (6, 10)):
        if traced_tile(4 * bm, 3 * bn, 5, bm, bn) != tiled_gemm(
            bm, bn
        ):
            sys.exit(
                f"tile {bm} x {bn}: the traced loads disagree"
            )
    for peak, _, bandwidth in GPUS.values():
        at = ridge(peak, bandwidth)
        low, high = (
            attainable(peak, bandwidth, 0.99 * at),
            attainable(peak, bandwidth, 1.01 * at),
        )
        if not (low < peak and high == peak):
            sys.exit(
                f"the roof does not bend at {at:.1f} FLOP/byte"
            )
    tensor = (
        132 * 4 * 512 * 2 * 1.83e9
    )  # H100: SMs, Tensor Cores each, FMAs a cycle, clock
    if not abs(tensor / 1e12 - GPUS["H100 SXM"][1]) < 1:
        sys.exit(
            f"H100: {tensor / 1e12:.1f} TFLOP/s from its units"
        )


def main():
    check()
    print("GPU (FLOP/byte)   FP32  FP16 TC")
    for name, (fp32, fp16, tb) in GPUS.items():
        print(
            f"{name:<15}{ridge(fp32, tb):7.1f}{ridge(fp16, tb):9.0f}"
        )
    peak, _, bandwidth = GPUS["H200 SXM"]
    print("\nFP32 kernel      FLOP/B  H200 TFLOP/s")
    counted = formulas(4096).items()
    for oi, name in sorted(
        (f / b, name) for name, (f, b) in counted
    ):
        print(
            f"{name:<16}{oi:7.3f}{attainable(peak, bandwidth, oi):12.2f}"
        )
    print("\nGEMM tile        FLOP/B  H200 TFLOP/s")
    for bm, bn in (
        (1, 1),
        (16, 16),
        (32, 32),
        (64, 64),
        (128, 128),
    ):
        oi = tiled_gemm(bm, bn)
        tile = f"{bm} x {bn}"
        print(
            f"{tile:<16}{float(oi):7.2f}{attainable(peak, bandwidth, float(oi)):12.2f}"
        )
    flops = cpu_peak(32, 2_000_000_000, 2, 512, 32)
    dram = dram_peak(8, 4_800_000_000)
    print(f"\nCPU peak  {flops / 1e9:.0f} GFLOP/s FP32")
    print(f"DRAM peak {dram / 1e9:.1f} GB/s")
    print(f"ridge     {flops / dram:.1f} FLOP/byte")


if __name__ == "__main__":
    main()
