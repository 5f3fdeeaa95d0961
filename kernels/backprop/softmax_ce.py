"""Softmax with cross-entropy: a stable loss, its gradient p - y, and why the largest logit
is subtracted. The loss is checked against the definition summed by math.fsum, the gradient
against central differences of it, and both with 1000 added to every logit.

Run: python softmax_ce.py
"""

import math
import sys

import numpy as np


# ANCHOR: loss
def softmax_ce(z, label):
    s = z - z.max()  # no overflow in exp
    log_p = s - np.log(np.exp(s).sum())
    y = np.eye(len(z))[label]  # one-hot
    return -log_p[label], np.exp(log_p) - y


# ANCHOR_END: loss


def reference(z, label):
    """-log p from the definition, summed exactly; z small enough for exp."""
    total = math.fsum(math.exp(v) for v in z)
    return -math.log(math.exp(z[label]) / total)


def slopes(z, label, eps=1e-6):
    steps = np.eye(len(z)) * eps
    return np.array(
        [
            (reference(z + d, label) - reference(z - d, label))
            / (2 * eps)
            for d in steps
        ]
    )


def fail(what):
    print(what, file=sys.stderr)
    sys.exit(1)


def main():
    z = np.array([2.0, 1.0, -0.5])
    loss, grad = softmax_ce(z, 0)
    if not abs(loss - reference(z, 0)) <= 1e-12:
        fail(
            f"loss {loss} is not the reference's {reference(z, 0)}"
        )
    if not np.abs(grad - slopes(z, 0)).max() <= 1e-8:
        fail(
            "the gradient is not that of the difference quotient"
        )
    big, big_grad = softmax_ce(z + 1000, 0)
    if not (
        abs(big - loss) <= 1e-9
        and np.abs(big_grad - grad).max() <= 1e-9
    ):
        fail(
            f"logits + 1000: loss {big}, but adding a constant must change nothing"
        )
    print("z    =", z)
    print("p    =", np.round(grad + np.eye(3)[0], 3))
    print(f"loss = {loss:.3f}")
    print("p-y  =", np.round(grad, 3))


np.seterr(all="ignore")
main()
