"""Fake quantisation with a straight-through gradient, against PyTorch's own operator.

python fake_quant.py
"""

import sys

import torch


# ANCHOR: ste
class FakeQuant(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero, low, high):
        q = torch.round(x / scale) + zero
        ctx.save_for_backward((q >= low) & (q <= high))
        return (q.clamp(low, high) - zero) * scale

    @staticmethod
    def backward(ctx, grad):
        (inside,) = ctx.saved_tensors
        # round() counts as identity, clamp() as it is
        return grad * inside, None, None, None, None


# ANCHOR_END: ste


# ANCHOR: naive
def naive(x, scale, zero, low, high):
    q = torch.round(x / scale) + zero
    return (q.clamp(low, high) - zero) * scale


# ANCHOR_END: naive


def gradient(function, x, *parameters):
    x = x.clone().requires_grad_()
    y = function(x, *parameters)
    # A loss whose slope differs from element to element.
    (y * torch.arange(1.0, x.numel() + 1)).sum().backward()
    return y.detach(), x.grad


def main():
    x = torch.tensor(
        [-3.0, -1.13, -0.26, 0.0, 0.31, 0.94, 1.58, 4.0]
    )
    parameters = (0.1, 3, -16, 15)
    y, g = gradient(FakeQuant.apply, x, *parameters)
    want, slope = gradient(
        torch.fake_quantize_per_tensor_affine, x, *parameters
    )
    if not torch.allclose(y, want, atol=1e-6):
        sys.exit("the values differ from PyTorch's operator")
    if not torch.equal(g, slope):
        differ = int((g != slope).sum())
        sys.exit(
            f"the gradient differs from PyTorch's in {differ} of {g.numel()} places"
        )
    flat = gradient(naive, x, *parameters)[1]
    if flat.abs().max() != 0:
        sys.exit("round() has a slope after all")
    weight = torch.arange(1.0, 9.0)
    print("     x   fake    dy/dx  naive")
    for a, b, c, d in zip(x, y, g / weight, flat / weight):
        print(f"{a:6.2f} {b:6.2f} {c:8.0f} {d:6.0f}")


if __name__ == "__main__":
    main()
