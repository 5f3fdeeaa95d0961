"""Compile, run, sanitize, time and break kernels; write what was seen as receipts.

The only package that starts other programs (nvcc, the kernels, compute-sanitizer). Must not
know notes or HTML. `run.py` and `host_run.py` are its entries; commands/verify.py calls them.

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
    profiles.py   one kernel's versions under ncu → its receipt
    mutants.py    one kernel's mutants, all of the above → its receipt
    run.py        all kernels, on all GPUs

    runners.py    g++, mpirun and Python: found, and how each runs a host program
    gomp_tsan.c   what ThreadSanitizer must be told of OpenMP
    cpu_reports.py  what the sanitizers of g++ and a failed check say, in one line
    host.py       one host program → its receipt
    host_run.py   all host programs
"""
