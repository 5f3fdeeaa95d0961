"""FP16 from its bits: codes, largest and smallest values, spacing, rounding at both ends.

python fp16.py
"""

import sys

import numpy as np


# ANCHOR: decode
def decode(code):
    """Value of an FP16 code: 1, 5, 10 bits."""
    sign = -1.0 if code >> 15 else 1.0
    e, f = code >> 10 & 31, code & 1023
    if e == 31:
        return sign * np.inf if f == 0 else np.nan
    if e == 0:
        return sign * f / 1024 * 2.0**-14
    return sign * (1 + f / 1024) * 2.0 ** (e - 15)


# ANCHOR_END: decode


def check_codes():
    """All 65536 codes against NumPy's half."""
    codes = np.arange(1 << 16, dtype=np.uint16)
    ours = np.array([decode(int(c)) for c in codes])
    theirs = codes.view(np.float16).astype(np.float64)
    same = (ours == theirs) | (
        np.isnan(ours) & np.isnan(theirs)
    )
    sign = np.isnan(ours) | (
        np.signbit(ours) == np.signbit(theirs)
    )
    if not (same & sign).all():
        bad = int(codes[~(same & sign)][0])
        sys.exit(f"code {bad:#06x} decodes to {decode(bad)}")


def half(x):
    """x rounded to FP16 and read back."""
    with np.errstate(over="ignore"):
        return float(np.float16(x))


def nearest(x):
    """x rounded to FP16 by the definition: nearest code, ties to even, Inf from 65520 on."""
    if x >= 65520:
        return np.inf
    values = [decode(c) for c in range(31 << 10)]
    gap = [abs(v - x) for v in values]
    least = min(gap)
    ties = [c for c in range(31 << 10) if gap[c] == least]
    return values[
        next((c for c in ties if c % 2 == 0), ties[0])
    ]


def check_rounding():
    cases = (65504, 65519, 65520, 2.0**-24, 2.0**-25)
    cases += (
        2.0**-25 * 1.001,
        2047,
        2049,
        2050,
        2051,
        4098.0,
        0.1,
    )
    for x in cases:
        if half(x) != nearest(x):
            sys.exit(
                f"{x} rounds to {half(x)}, not {nearest(x)}"
            )


def main():
    check_codes()
    check_rounding()
    print("code    value")
    for code in (
        0x0001,
        0x03FF,
        0x0400,
        0x3C00,
        0x3C01,
        0x7BFF,
        0x7C00,
    ):
        print(f"0x{code:04X}  {decode(code):.10g}")
    print("rounding")
    for name, x in (
        ("65519", 65519),
        ("65520", 65520),
        ("2^-25", 2.0**-25),
        ("1.001*2^-25", 1.001 * 2.0**-25),
        ("2049", 2049),
        ("2051", 2051),
    ):
        print(f"{name:<12} -> {half(x):.10g}")


if __name__ == "__main__":
    main()
