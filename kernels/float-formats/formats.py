"""Range and epsilon of number formats from their bit counts alone, checked with PyTorch.

python formats.py
"""

import sys
from fractions import Fraction

import torch

# name: exponent bits, fraction bits, does the top exponent hold Inf and NaN?, torch's type
FORMATS = {
    "FP32": (8, 23, "ieee", torch.float32),
    "TF32": (8, 10, "ieee", None),
    "BF16": (8, 7, "ieee", torch.bfloat16),
    "FP16": (5, 10, "ieee", torch.float16),
    "E5M2": (5, 2, "ieee", torch.float8_e5m2),
    "E4M3": (4, 3, "one-nan", torch.float8_e4m3fn),
    "E2M1": (2, 1, "finite", None),
}


# ANCHOR: limits
def limits(e, f, top):
    """Largest, smallest normal, smallest, epsilon."""
    bias = 2 ** (e - 1) - 1
    ulp = Fraction(1, 2**f)
    code, fraction = 2**e - 1, 2 - ulp
    if top == "ieee":  # the top code is Inf and NaN
        code -= 1
    if top == "one-nan":  # only all ones is NaN
        fraction -= ulp
    normal = Fraction(2) ** (1 - bias)
    largest = fraction * Fraction(2) ** (code - bias)
    return largest, normal, normal * ulp, ulp


# ANCHOR_END: limits


def check(name, ours, dtype):
    largest, normal, smallest, ulp = ours
    info = torch.finfo(dtype)
    for what, x, y in (
        ("max", largest, info.max),
        ("tiny", normal, info.tiny),
        (
            "subnormal",
            smallest,
            info.smallest_normal * info.eps,
        ),
        ("eps", ulp, info.eps),
    ):
        if not Fraction(y) == x:
            sys.exit(
                f"{name} {what}: {float(x)}, torch says {y}"
            )


def power(x):
    """x, a power of two, as text."""
    n = x.denominator.bit_length() - 1
    return f"2^-{n}" if n else f"{x.numerator}"


def main():
    print("format bits      max   normal     eps")
    for name, (e, f, top, dtype) in FORMATS.items():
        ours = limits(e, f, top)
        if dtype is not None:
            check(name, ours, dtype)
        largest, normal, _, ulp = ours
        text = (
            f"{float(largest):.4g}"
            if e == 8
            else f"{float(largest):g}"
        )
        print(
            f"{name:<6} 1-{e}-{f:<2} {text:>9} {power(normal):>7} {power(ulp):>7}"
        )
    # No torch type: the eight values of E2M1 written out, and TF32 as FP32 with 13 bits fewer.
    e2m1 = sorted(
        {
            (1 + m / 2) * 2.0 ** (c - 1) if c else m / 2
            for c in range(4)
            for m in range(2)
        }
    )
    if e2m1 != [0, 0.5, 1, 1.5, 2, 3, 4, 6]:
        sys.exit(f"E2M1 has the values {e2m1}")
    if float(limits(2, 1, "finite")[0]) != e2m1[-1]:
        sys.exit("E2M1's largest value is not 6")
    bits = torch.tensor(0x7F7FE000, dtype=torch.int32)
    if (
        Fraction(bits.view(torch.float32).item())
        != limits(8, 10, "ieee")[0]
    ):
        sys.exit(
            "TF32's largest value is not FP32's with 10 fraction bits"
        )


if __name__ == "__main__":
    main()
