"""Splits a graph over two devices by what the accelerator supports, without a cycle of parts.

Run: python partition.py
"""

import sys
from graphlib import CycleError, TopologicalSorter

# ANCHOR: graph
# node: (operator, its inputs), in topological order
GRAPH = {
    "conv": ("Conv", []),
    "relu": ("Relu", ["conv"]),
    "nms": ("NMS", ["relu"]),  # CPU only
    "pool": ("Pool", ["relu"]),
    "cat": ("Concat", ["pool", "nms"]),
    "fc": ("Gemm", ["cat"]),
}
NPU = {"Conv", "Relu", "Pool", "Concat", "Gemm"}
# ANCHOR_END: graph


# ANCHOR: partition
def partition(graph, supported):
    """node → part, greedily in topological order."""
    part, device, reach = {}, [], []
    for node, (op, inputs) in graph.items():
        wants = "npu" if op in supported else "cpu"
        need = set().union(
            *({part[i]} | reach[part[i]] for i in inputs)
        )
        for p in range(len(device)):
            later = any(p in reach[q] for q in need)
            if device[p] == wants and not later:
                break
        else:
            p = len(device)
            device.append(wants)
            reach.append(set())
        part[node] = p
        reach[p] |= need - {p}  # parts that p waits for
        for r in reach:  # and so does who waits for p
            if p in r:
                r |= reach[p]
    return part, device


# ANCHOR_END: partition


# ANCHOR: acyclic
def part_edges(graph, part):
    return {
        (part[i], part[n])
        for n, (_, ins) in graph.items()
        for i in ins
        if part[i] != part[n]
    }


def order(graph, part):
    waits = {p: set() for p in part.values()}
    for a, b in part_edges(graph, part):
        waits[b].add(a)
    return list(TopologicalSorter(waits).static_order())


# ANCHOR_END: acyclic


def crossings(graph, part, device):
    """Tensors that go to another device, each once for every part that reads it."""
    return {
        (i, part[n])
        for n, (_, ins) in graph.items()
        for i in ins
        if device[part[i]] != device[part[n]]
    }


def random_graph(seed):
    """A graph of 24 nodes by a small generator of its own: the same on every machine."""
    graph, state = {}, seed
    for i in range(24):
        inputs = []
        for j in range(i):
            state = (1103515245 * state + 12345) % 2**31
            if state // 65536 % 6 == 0:
                inputs.append(j)
        state = (1103515245 * state + 12345) % 2**31
        graph[i] = ("a" if state // 65536 % 3 else "b", inputs)
    return graph


def check(graph, supported):
    part, device = partition(graph, supported)
    for node, (op, _) in graph.items():
        if (device[part[node]] == "npu") != (op in supported):
            return f"{node} is on the wrong device"
    try:
        order(graph, part)
    except CycleError as error:
        return f"parts wait for each other: {' → '.join(map(str, error.args[1]))}"
    return ""


def main():
    cases = [("example", GRAPH, NPU)]
    cases += [
        (f"graph {s}", random_graph(s), {"a"})
        for s in range(1, 201)
    ]
    for name, graph, supported in cases:
        if problem := check(graph, supported):
            print(f"{name}: {problem}", file=sys.stderr)
            sys.exit(1)
    part, device = partition(GRAPH, NPU)
    for p in order(GRAPH, part):
        print(
            f"part {p} ({device[p]}):",
            " ".join(n for n in part if part[n] == p),
        )
    print(
        "tensors between devices:",
        len(crossings(GRAPH, part, device)),
    )


main()
