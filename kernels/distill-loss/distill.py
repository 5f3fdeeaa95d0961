"""The distillation loss in PyTorch, its gradient against the formula, and why it has T squared.

python distill.py
"""

import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F


# ANCHOR: loss
def distill_loss(student, teacher, labels, T, alpha):
    hard = F.cross_entropy(student, labels)
    soft = F.kl_div(
        F.log_softmax(student / T, dim=1),
        F.softmax(teacher / T, dim=1),
        reduction="batchmean",
    )
    return alpha * hard + (1 - alpha) * T**2 * soft


# ANCHOR_END: loss


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def definition(student, teacher, labels, T, alpha):
    """Value and gradient by the sums over classes, in fp64 without PyTorch."""
    rows = np.arange(len(labels))
    q, p = softmax(student), softmax(teacher / T)
    q_soft = softmax(student / T)
    hard = -np.log(q[rows, labels]).mean()
    soft = (p * np.log(p / q_soft)).sum(axis=1).mean()
    one_hot = np.zeros_like(q)
    one_hot[rows, labels] = 1
    gradient = (
        alpha * (q - one_hot) + (1 - alpha) * T * (q_soft - p)
    ) / len(labels)
    loss = alpha * hard + (1 - alpha) * T**2 * soft
    return loss, gradient


def run(student, teacher, labels, T, alpha):
    z = torch.tensor(student, requires_grad=True)
    loss = distill_loss(
        z, torch.tensor(teacher), torch.tensor(labels), T, alpha
    )
    loss.backward()
    return loss.item(), z.grad.numpy()


def check(student, teacher, labels, T, alpha):
    loss, gradient = run(student, teacher, labels, T, alpha)
    want, slope = definition(student, teacher, labels, T, alpha)
    if not abs(loss - want) <= 1e-10:
        sys.exit(
            f"T = {T}: loss {loss:.4f}, by definition {want:.4f}"
        )
    error = np.abs(gradient - slope).max()
    if not error <= 1e-10:
        sys.exit(f"T = {T}: gradient off by {error:.2e}")
    return loss, gradient


def main():
    warnings.simplefilter(
        "ignore"
    )  # kl_div has one of its own on "mean"
    rng = np.random.default_rng(5)
    teacher = rng.standard_normal((13, 10)) * 3
    student = rng.standard_normal((13, 10)) * 2
    labels = rng.integers(0, 10, 13)
    print(" T  max p   |grad|  T^2 |grad|")
    for T in (1.0, 2.0, 4.0, 8.0, 16.0):
        check(student, teacher, labels, T, 0.1)
        _, soft = check(student, teacher, labels, T, 0.0)
        scaled = np.linalg.norm(soft)
        print(
            f"{T:2.0f} {softmax(teacher[:1] / T).max():6.2f}"
            f" {scaled / T**2:8.4f} {scaled:11.4f}"
        )


if __name__ == "__main__":
    main()
