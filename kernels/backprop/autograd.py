"""The same two-layer network by PyTorch's autograd: which nodes it records, what it saves,
and that its gradients are the ones derived by hand.

Run: python autograd.py
"""

import sys

import torch

torch.manual_seed(7)
torch.set_num_threads(1)
B, D, H, C = 5, 3, 4, 2
X, T = (
    torch.randn(B, D, dtype=torch.float64),
    torch.randn(B, C, dtype=torch.float64),
)


def parameter(*shape):
    return torch.randn(
        *shape, dtype=torch.float64, requires_grad=True
    )


W1, b1, W2, b2 = (
    parameter(D, H),
    parameter(H),
    parameter(H, C),
    parameter(C),
)
# ANCHOR: graph
hid = torch.relu(X @ W1 + b1)
Y = hid @ W2 + b2
loss = 0.5 * ((Y - T) ** 2).sum() / len(T)


def walk(node):
    names = []
    for child, _ in node.next_functions:
        names.append(
            child.name().split("::")[-1] if child else "-"
        )
    print(node.name(), "->", ", ".join(names))
    for child, _ in node.next_functions:
        if child and child.next_functions:
            walk(child)


walk(Y.grad_fn)
loss.backward()
print("W2.grad_fn:", W2.grad_fn)
print("W2.grad:", tuple(W2.grad.shape))
# ANCHOR_END: graph


def by_hand():
    with torch.no_grad():
        a = X @ W1 + b1
        h = a.clamp(min=0)
        dY = (h @ W2 + b2 - T) / B
        dA = (dY @ W2.T) * (a > 0)
        return X.T @ dA, dA.sum(0), h.T @ dY, dY.sum(0)


failed = False
for name, p, want in zip(
    ("W1", "b1", "W2", "b2"), (W1, b1, W2, b2), by_hand()
):
    err = (p.grad - want).abs().max().item()
    if not err <= 1e-12:
        print(
            f"d{name}: autograd and the formulas differ by {err}",
            file=sys.stderr,
        )
        failed = True
first = W2.grad.clone()
(
    0.5
    * ((torch.relu(X @ W1 + b1) @ W2 + b2 - T) ** 2).sum()
    / len(T)
).backward()
if not torch.allclose(W2.grad, 2 * first, rtol=1e-12):
    print(
        "a second backward() did not add to .grad",
        file=sys.stderr,
    )
    failed = True
sys.exit(failed)
