"""What a Python value that changes at every call costs torch.compile: versions compiled in 12 calls.

Run: python guards.py
"""

import logging
import sys

import torch

logging.disable(
    logging.WARNING
)  # the limit of 8 warns, with a line of time and place
compiled = 0


def backend(gm, example_inputs):
    global compiled
    compiled += 1
    return gm.forward


def versions(calls) -> int:
    global compiled
    torch._dynamo.reset()
    compiled = 0
    for call in calls:
        call()
    return compiled


# ANCHOR: guards
class Scale(torch.nn.Module):
    k = 0

    def forward(self, x):
        return x * self.k


def scale(x, c):
    return x * c


def label(x, name):
    return x + len(name)


x = torch.ones(3)
# each is called 12 times, with a new value every time
# scale(x, 0.5), scale(x, 1.5), …
# label(x, "a0"), label(x, "a1"), …
# module.k = 0; module(x); module.k = 1; module(x); …
# ANCHOR_END: guards


def attribute_calls(f, module):
    def call(i):
        module.k = i
        if not torch.equal(f(x), x * i):
            print(f"k = {i}: wrong result", file=sys.stderr)
            sys.exit(1)

    return [lambda i=i: call(i) for i in range(12)]


def main() -> None:
    f = torch.compile(scale, backend=backend)
    for c in (0.5, 7.5):
        if not torch.equal(f(x, c), x * c):
            print("compiled and eager differ", file=sys.stderr)
            sys.exit(1)
    print(
        "float argument:",
        versions(
            [lambda i=i: f(x, i + 0.5) for i in range(12)]
        ),
    )
    g = torch.compile(label, backend=backend)
    print(
        "str argument:",
        versions(
            [lambda i=i: g(x, f"a{i}") for i in range(12)]
        ),
    )
    module = Scale()
    h = torch.compile(module, backend=backend)
    print(
        "int attribute:", versions(attribute_calls(h, module))
    )


main()
