"""Counts the graphs that torch.compile captures: graph breaks and recompilations.

Run: python compile.py
"""

import sys

import torch

# ANCHOR: count
graphs = []


def backend(gm, example_inputs):
    graphs.append(gm)  # called once a captured graph
    return gm.forward


def count(f, *inputs, **options):
    torch._dynamo.reset()
    graphs.clear()
    g = torch.compile(f, backend=backend, **options)
    for x in inputs:
        g(x)
    return len(graphs)


# ANCHOR_END: count


# ANCHOR: calls
def smooth(x):
    return torch.sin(x) + 1


def branch(x):
    y = torch.sin(x)
    if y.sum() > 0:  # a Python bool from data
        return y + 1
    return y - 1


def select(x):
    y = torch.sin(x)
    return torch.where(y.sum() > 0, y + 1, y - 1)


a, b, c = torch.ones(3), torch.ones(4), torch.ones(5)
print("same shape twice:", count(smooth, a, a))
print("three shapes:", count(smooth, a, b, c))
print(
    "three, dynamic=False:",
    count(smooth, a, b, c, dynamic=False),
)
print("if on data:", count(branch, a))
print("torch.where:", count(select, a))
# ANCHOR_END: calls


def main() -> None:
    for f in (smooth, branch, select):
        torch._dynamo.reset()
        g = torch.compile(f, backend=backend)
        for x in (a, -a, 2 * b):  # both sides of the branch
            if not torch.equal(g(x), f(x)):
                print(
                    f"{f.__name__}: compiled and eager differ",
                    file=sys.stderr,
                )
                sys.exit(1)
    torch._dynamo.reset()
    try:
        torch.compile(branch, backend=backend, fullgraph=True)(
            a
        )
    except torch._dynamo.exc.Unsupported:
        return
    print(
        "fullgraph=True accepted a branch on data",
        file=sys.stderr,
    )
    sys.exit(1)


main()
