"""The GPUs and the cores of this host, shared out to all that is verified on it.

Owns: which GPU is free, how many programs compile at once, who comes first, Ctrl-C. Must not
know what runs.

A GPU is lent to one piece of work at a time: processes side by side would wait for each
other's turns, and nothing may disturb what is timed. What was begun first gets it first, so
that it is done, and written down, before what was begun later: an interruption then loses little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from heapq import heappop, heappush
from itertools import count
from threading import Condition
from typing import Generic, TypeVar

from warpdeck.verify import process
from warpdeck.verify.kernel import Setup

Result = TypeVar("Result")
Thing = TypeVar("Thing")

_TURN: ContextVar[tuple[int, ...]] = ContextVar("turn", default=())
"""Where in `side_by_side` this work stands, and where in the `side_by_side` inside that."""


class _Lent(Generic[Thing]):
    """Things of which each is lent to one at a time, to whose turn comes first."""

    def __init__(self, things: Iterable[Thing]) -> None:
        self._free = list(things)
        self._waiting: list[tuple[tuple[int, ...], int]] = []
        self._numbers = count()
        self._changed = Condition()

    @contextmanager
    def one(self) -> Iterator[Thing]:
        with self._changed:
            ticket = (_TURN.get(), next(self._numbers))
            heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: self._free and self._waiting[0] == ticket)
            heappop(self._waiting)
            thing = self._free.pop()
            self._changed.notify_all()
        try:
            yield thing
        finally:
            with self._changed:
                self._free.append(thing)
                self._changed.notify_all()


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
        cores = max(1, sum(setup.jobs for setup in setups) - self.gpus)
        self._cores = _Lent(range(cores))
        self._free = _Lent(setups)

    @contextmanager
    def gpu(self) -> Iterator[Setup]:
        """Wait for a GPU that is free; what runs inside runs on that one, with nothing beside."""
        with self._free.one() as setup:
            if self.gpus == 1:
                yield setup
                return
            order = "PCI_BUS_ID"  # CUDA's own numbers are not nvidia-smi's
            devices = setup.gpu.device
            with process.environment(CUDA_VISIBLE_DEVICES=devices, CUDA_DEVICE_ORDER=order):
                yield setup

    @contextmanager
    def core(self) -> Iterator[None]:
        """Wait for a core to compile on."""
        with self._cores.one():
            yield

    def side_by_side(self, work: Sequence[Callable[[], Result]], at_once: int = 0) -> list[Result]:
        """Do all of `work`, begun in order, all at once or so many; return the results in order."""
        tasks = [partial(copy_context().run, _in_turn, n, task) for n, task in enumerate(work)]
        with ThreadPoolExecutor(at_once or max(1, len(tasks))) as threads:
            try:
                return list(threads.map(lambda task: task(), tasks))
            except KeyboardInterrupt:
                process.end_all()  # before the threads are waited for
                raise


def _in_turn(number: int, task: Callable[[], Result]) -> Result:
    _TURN.set((*_TURN.get(), number))
    return task()
