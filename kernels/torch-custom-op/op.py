"""A PyTorch operator with its own NumPy body, a fake kernel and a gradient.

Run: python op.py
"""

import sys

import numpy as np
import torch
from torch.autograd.gradcheck import GradcheckError
from torch.library import custom_op, opcheck


# ANCHOR: op
@custom_op("demo::silu", mutates_args=())
def silu(x: torch.Tensor) -> torch.Tensor:
    a = x.detach().numpy()  # opaque to PyTorch
    return torch.from_numpy(a / (1 + np.exp(-a)))


@silu.register_fake
def _(x):
    return torch.empty_like(x)


def setup_context(ctx, inputs, output):
    ctx.save_for_backward(inputs[0])


def backward(ctx, grad):
    (x,) = ctx.saved_tensors
    s = torch.sigmoid(x)
    return grad * s * (1 + x * (1 - s))


silu.register_autograd(backward, setup_context=setup_context)
# ANCHOR_END: op


def stop(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(1)


def first_sentence(error: Exception) -> str:
    return (
        str(error)
        .strip()
        .split(". ")[0]
        .splitlines()[0]
        .rstrip(",:")
    )


def sample(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return 3 * torch.randn(
        *shape, generator=generator, dtype=torch.float64
    )


def check_values() -> float:
    """Largest difference from the definition, computed element by element."""
    x = sample(5, 3)
    want = torch.tensor(
        [v / (1 + np.exp(-v)) for v in x.flatten().tolist()],
        dtype=torch.float64,
    ).reshape(5, 3)
    error = (silu(x) - want).abs().max().item()
    if not error <= 1e-12:
        stop(
            f"forward differs from the definition by {error:.1e}"
        )
    return error


# ANCHOR: test
def check_registration() -> dict:
    x = sample(4, 3).requires_grad_()
    return opcheck(silu, (x,), raise_exception=False)


def check_gradient() -> bool:
    x = sample(4, 3).requires_grad_()
    return torch.autograd.gradcheck(silu, (x,))


# ANCHOR_END: test


def main() -> None:
    check_values()
    print("forward against the definition: equal to 1e-12")
    for name, result in check_registration().items():
        if result != "SUCCESS":
            stop(f"opcheck {name}: {first_sentence(result)}")
        print(f"opcheck {name}: {result}")
    try:
        check_gradient()
    except GradcheckError as error:
        stop(f"gradcheck: {first_sentence(error)}")
    print("gradcheck: analytic and numerical gradient agree")
    compiled = torch.compile(
        lambda x: silu(x) * 2,
        backend="aot_eager",
        fullgraph=True,
    )
    x = sample(6, 2)
    if not torch.equal(compiled(x), silu(x) * 2):
        stop("torch.compile changed the result")
    print(
        "torch.compile(fullgraph=True): same result, no graph break"
    )


main()
