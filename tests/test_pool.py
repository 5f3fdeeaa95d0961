"""GPUs and cores are lent to one at a time, to what was begun first."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from threading import Event, Semaphore, Thread

from warpdeck.verify.kernel import Setup
from warpdeck.verify.pool import Pool
from warpdeck.verify.toolchain import Gpu, Toolchain


def pool(gpus: int, jobs: int = 4) -> Pool:
    tools = Toolchain("nvcc", "13.0.88", ("sm_90",), 9)
    return Pool(
        [
            Setup(Path(), tools, "", Gpu("Toy GPU", "580", str(n)), jobs, 9, print)
            for n in range(gpus)
        ]
    )


def test_what_was_begun_first_gets_the_gpu_first_whoever_asks_first() -> None:
    one = pool(1)
    taken: list[str] = []
    asking = Semaphore(0)
    later = Event()

    def part(version: str) -> None:
        if version == "first":
            later.wait(9)
        asking.release()
        with one.gpu():
            taken.append(version)

    def run(version: str) -> None:
        one.side_by_side([partial(part, version)] * 3)

    both = Thread(target=one.side_by_side, args=([partial(run, v) for v in ("first", "later")],))
    with one.gpu():
        both.start()
        for _ in range(3):
            assert asking.acquire(timeout=9)
        time.sleep(0.1)  # now the later three wait
        later.set()
        for _ in range(3):
            assert asking.acquire(timeout=9)
        time.sleep(0.1)
    both.join(9)
    assert taken == ["first"] * 3 + ["later"] * 3


def test_no_gpu_is_lent_twice_and_none_is_lost() -> None:
    three = pool(3)
    busy, most = set[str](), list[int]()

    def work() -> None:
        with three.gpu() as setup:
            assert setup.gpu.device not in busy
            busy.add(setup.gpu.device)
            most.append(len(busy))
            time.sleep(0.001)
            busy.discard(setup.gpu.device)

    three.side_by_side([work] * 200)
    assert len(most) == 200 and max(most) <= 3
    with three.gpu(), three.gpu(), three.gpu():
        pass


def test_a_gpu_comes_back_after_an_error() -> None:
    one = pool(1)
    for _ in range(2):
        try:
            with one.gpu():
                raise OSError
        except OSError:
            pass
    with one.gpu() as setup:
        assert setup.gpu.device == "0"
