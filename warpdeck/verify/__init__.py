"""Compile, run, sanitize, time and break kernels; write what was seen as receipts.

The only package that starts other programs (nvcc, the kernels, compute-sanitizer). Must not
know notes or HTML. `run.py` is its entry; commands/verify.py calls it.

    process.py    a child process with a time limit
    toolchain.py  nvcc and the GPU: found, named, told what to compile
    program.py    what a kernel's own program prints
    sanitizer.py  compute-sanitizer
    bugs.py       the broken variants and their detectors
    kernel.py     one kernel, all of the above → its receipt
    syntax.py     a CUDA file as a tree
    operators.py  the small slips that can be made in a tree
    mutate.py     the slips of one version, named: its mutants
    batch.py      many mutants compiled as one program
    profiler.py   ncu
    mutants.py    one kernel's mutants, all of the above → its receipt
    run.py        all kernels, on all GPUs
"""
