"""The GPUs and the cores of this host, shared out to all that is verified on it.

Owns: which GPU is free, how many programs compile at once, Ctrl-C. Must not know what runs.

A GPU is lent to one piece of work at a time: processes side by side would wait for each
other's turns, and nothing may disturb what is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Semaphore
from typing import TypeVar

from warpdeck.verify import process
from warpdeck.verify.kernel import Setup

Result = TypeVar("Result")


class Pool:
    """GPUs that are alike, and what all work on them has in common."""

    def __init__(self, setups: Sequence[Setup]) -> None:
        """Share out the GPUs and the `jobs` of `setups`, one a GPU; the rest is the same in all."""
        self.gpus = len(setups)
        self.root = setups[0].root
        self.toolchain = setups[0].toolchain
        self.gpu_name = setups[0].gpu.name
        self.report = setups[0].report
        # What runs on a GPU needs a core too: it computes the reference.
        self._cores = Semaphore(max(1, sum(setup.jobs for setup in setups) - self.gpus))
        self._free: SimpleQueue[Setup] = SimpleQueue()
        for setup in setups:
            self._free.put(setup)

    @contextmanager
    def gpu(self) -> Iterator[Setup]:
        """Wait for a GPU that is free; what runs inside runs on that one, with nothing beside."""
        setup = self._free.get()
        try:
            if self.gpus == 1:
                yield setup
                return
            order = "PCI_BUS_ID"  # CUDA's own numbers are not nvidia-smi's
            devices = setup.gpu.device
            with process.environment(CUDA_VISIBLE_DEVICES=devices, CUDA_DEVICE_ORDER=order):
                yield setup
        finally:
            self._free.put(setup)

    @contextmanager
    def core(self) -> Iterator[None]:
        """Wait for a core to compile on."""
        with self._cores:
            yield

    def side_by_side(self, work: Sequence[Callable[[], Result]], at_once: int = 0) -> list[Result]:
        """Do all of `work`, begun in order, all at once or so many; return the results in order."""
        tasks = [partial(copy_context().run, task) for task in work]
        with ThreadPoolExecutor(at_once or max(1, len(tasks))) as threads:
            try:
                return list(threads.map(lambda task: task(), tasks))
            except KeyboardInterrupt:
                process.end_all()  # before the threads are waited for
                raise
