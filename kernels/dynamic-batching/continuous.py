"""Static against continuous batching of text generation, one token an iteration.

Eight requests that need different numbers of tokens, four slots. Static: the batch runs until
its longest request ends. Continuous: a free slot takes the next request at once.
Run: python continuous.py
"""

import sys

# ANCHOR: work
TOKENS = [3, 9, 2, 5, 7, 2, 4, 6]
SLOTS = 4


def static(tokens, slots):
    """A batch starts and returns together."""
    done, now = [], 0
    for first in range(0, len(tokens), slots):
        batch = tokens[first : first + slots]
        now += max(batch)
        done += [now] * len(batch)
    return done


def continuous(tokens, slots):
    """A free slot takes the next request."""
    done, free_at = [], [0] * slots
    for length in tokens:
        slot = free_at.index(min(free_at))
        free_at[slot] += length
        done.append(free_at[slot])
    return done


# ANCHOR_END: work


def step_by_step(tokens, slots, refill):
    """The reference: one iteration at a time, `refill` true for continuous batching."""
    done, running, waiting, now = (
        {},
        {},
        list(enumerate(tokens)),
        0,
    )
    while waiting or running:
        if refill or not running:
            while waiting and len(running) < slots:
                request, left = waiting.pop(0)
                running[request] = left
        now += 1
        for request in list(running):
            running[request] -= 1
        ended = [r for r in running if running[r] <= 0]
        if refill or len(ended) == len(running):
            for request in ended:
                del running[request]
                done[request] = now
    return [done[i] for i in range(len(tokens))]


def main():
    """Compare both policies with the reference and print the table; 1 on a failure."""
    print("batching    iterations   busy  mean end")
    for policy, refill in ((static, False), (continuous, True)):
        done = policy(TOKENS, SLOTS)
        expected = step_by_step(TOKENS, SLOTS, refill)
        if done != expected:
            print(
                f"{policy.__name__}: {done}, not {expected}",
                file=sys.stderr,
            )
            return 1
        length = max(done)
        busy, mean = (
            100 * sum(TOKENS) / (SLOTS * length),
            sum(done) / len(done),
        )
        print(
            f"{policy.__name__:12s}{length:10d}{busy:5.0f} %{mean:10.1f}"
        )
    return 0


sys.exit(main())
