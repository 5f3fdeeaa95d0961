"""A dynamic batcher: requests wait for company, at most `window`, at most `cap` a batch.

One server that needs 4 ms a batch plus 0.5 ms a request; Poisson arrivals, times in 0.1 ms.
Each policy runs twice: event by event, and tick by tick as the reference.
Run: python window.py
"""

import math
import random
import sys

REQUESTS = 1000


def service(batch):
    """How long the server works on a batch, in 0.1 ms."""
    return 40 + 5 * batch


# ANCHOR: batcher
def serve(arrivals, cap, window):
    """Finish times; times in 0.1 ms."""
    done, free, first = [], 0, 0
    while first < len(arrivals):
        oldest = arrivals[first]
        start = max(free, oldest + window)
        last = first + cap - 1
        if last < len(arrivals):
            full = max(free, arrivals[last])
            start = min(start, full)
        waiting = arrivals[first : first + cap]
        batch = sum(t <= start for t in waiting)
        free = start + service(batch)
        done += [free] * batch
        first += batch
    return done


# ANCHOR_END: batcher


def serve_by_ticks(arrivals, cap, window):
    """The same policy with nothing but a clock, a queue and a busy flag."""
    done, queue, coming = [0] * len(arrivals), [], 0
    now, busy_until = 0, 0
    while coming < len(arrivals) or queue:
        while (
            coming < len(arrivals) and arrivals[coming] == now
        ):
            queue.append(coming)
            coming += 1
        ready = queue and (
            len(queue) >= cap
            or now >= arrivals[queue[0]] + window
        )
        if ready and now >= busy_until:
            batch, queue = queue[:cap], queue[cap:]
            busy_until = now + service(len(batch))
            for request in batch:
                done[request] = busy_until
        now += 1
    return done


def poisson(rate, seed):
    """Arrival times for `rate` requests a second."""
    rng, now, times = random.Random(seed), 0.0, []
    for _ in range(REQUESTS):
        now -= math.log(1.0 - rng.random()) / rate * 10_000
        times.append(round(now))
    return times


def percentile(values, share):
    """Nearest rank."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def row(arrivals, cap, window):
    """Mean batch, median and 99th percentile of latency; ends the program if it is wrong."""
    done = serve(arrivals, cap, window)
    expected = serve_by_ticks(arrivals, cap, window)
    wrong = [
        i
        for i, (a, b) in enumerate(
            zip(done, expected, strict=True)
        )
        if a != b
    ]
    if wrong or len(done) != len(arrivals):
        first = wrong[0]
        finish = f"{done[first]}, not {expected[first]}"
        print(
            f"cap {cap}, window {window}: request {first}: {finish}",
            file=sys.stderr,
        )
        sys.exit(1)
    latency = [
        end - start
        for start, end in zip(arrivals, done, strict=True)
    ]
    return (
        len(arrivals) / len(set(done)),
        percentile(latency, 0.5),
        percentile(latency, 0.99),
    )


def main():
    """Two loads, four policies."""
    print("req/s  cap  window  batch  p50 ms  p99 ms")
    for rate in (100, 500):
        arrivals = poisson(rate, seed=3)
        for cap, window in ((1, 0), (8, 0), (8, 50), (8, 200)):
            mean, p50, p99 = row(arrivals, cap, window)
            policy = f"{rate:5d}{cap:5d}{window / 10:6.0f}ms"
            print(
                f"{policy}{mean:7.1f}{p50 / 10:8.1f}{p99 / 10:8.1f}"
            )


main()
