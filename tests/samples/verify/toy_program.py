import json
import os
import sys
import time

SHAPES = ([1, 1], [3, 5]), ([64, 32],)


def value(flag: str, other: str = "") -> str:
    return sys.argv[sys.argv.index(flag) + 1] if flag in sys.argv else other


def spread(us: float) -> dict[str, float]:
    return {"median": us, "min": us - 1, "max": us + 1, "runs": 5}


def say(record: object) -> None:
    print(json.dumps(record), flush=True)


def case(shape: list[int], us: float) -> None:
    times = {version: spread(us), "memcpy": spread(100)} if us else {}
    say(
        {
            "version": version,
            "case": {
                "shape": shape,
                "seed": int(value("--seed", "77")),
                "max_error": 0,
                "tolerance": 0,
                "bytes": 4e5,
                "times": times,
            },
        }
    )


if "prints" in LINES:  # noqa: F821
    print(LINES["prints"] if LINES["prints"] != "pid" else os.getpid())  # noqa: F821
    sys.exit(0)
if "--list" in sys.argv:
    print("\n".join(LINES))  # noqa: F821
    sys.exit(0)
version = value("--version")
behaviour, us = LINES[version].split()  # noqa: F821
if "--sanitizer" in sys.argv:
    print(f"behaves: {behaviour}")
    sys.exit(1 if behaviour == "breaks" else 0)
say({"device": {"name": "Toy GPU 9000", "multiprocessors": 1}})
case(SHAPES[0][0], 0)
if behaviour == "wrong":
    say({"version": version, "failure": {"kind": "value", "shape": [3, 5], "message": "1 wrong"}})
    sys.exit(1)
if behaviour == "hangs":
    time.sleep(600)
if behaviour == "crashes":
    os.abort()
if behaviour == "stops":
    sys.exit(0)
if behaviour == "babbles":
    print("hello")
case(SHAPES[0][1], 0)
if "--check-only" not in sys.argv and behaviour != "untimed":
    case(SHAPES[1][0], float(us))
say({"version": version, "done": {"cases": 3}})
