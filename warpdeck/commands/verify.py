"""`verify`: compile, run, check, sanitize and time code, and write its receipts.

Owns: its arguments and what it prints. Must not know how code is verified. It needs none
of the libraries that make cards, and so runs on a bare GPU machine.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from warpdeck.kernels import load_kernels
from warpdeck.model import HostOperation, Kernel, Location, Problem, UsageError
from warpdeck.programs import load_programs
from warpdeck.snippets import did_you_mean
from warpdeck.verify.host_run import run as verify_programs
from warpdeck.verify.run import SECONDS
from warpdeck.verify.run import run as verify_all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kernels", nargs="*", metavar="kernel", help="folders of kernels/; all")
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--compile-only", action="store_true", help="compile all kernels; needs nvcc but no GPU"
    )
    part.add_argument(
        "--host", action="store_true", help="host programs alone (C++, MPI, Python); no GPU"
    )
    parser.add_argument(
        "--recheck",
        action="store_true",
        help="with --host: run all again, write nothing, fail where a receipt says otherwise",
    )
    parser.add_argument("--refresh", action="store_true", help="verify again what has not changed")
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="the I-th of N shares of kernels and programs, for a CI matrix or an array job",
    )
    parser.add_argument(
        "--arch", type=_arch, help="like sm_90; several with commas (default: this GPU's)"
    )
    parser.add_argument("--jobs", type=_jobs, default=0, help="processes at once (default: cores)")
    parser.add_argument(
        "--time-limit",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help="of each process (default: %(default)g)",
    )


def run(arguments: argparse.Namespace, root: Path) -> list[Problem]:
    """Verify what `arguments` name, with a line of progress after each step on stderr."""
    if arguments.recheck and not arguments.host:
        raise UsageError("--recheck goes with --host")
    kernels, problems = load_kernels(root)
    operations, found = load_programs(root)
    unknown = _unknown(arguments.kernels, root)
    problems = unknown + [p for p in problems + found if _concerns(p, arguments.kernels)]
    chosen = [k for k in kernels if _is_chosen(k.name, arguments.kernels) and not arguments.host]
    if chosen and not (root / "kernels" / "harness").is_dir():
        problems.append(_no_harness())
    if problems:
        return problems
    programs = [o for o in operations if _is_chosen(o.name, arguments.kernels)]
    number, shares = arguments.shard
    mine = slice(number - 1, None, shares)
    return [
        *(_programs(arguments, root, programs[mine]) if not arguments.compile_only else ()),
        *(_kernels(arguments, root, chosen[mine]) if chosen[mine] else ()),
    ]


def _kernels(arguments: argparse.Namespace, root: Path, kernels: list[Kernel]) -> list[Problem]:
    result = verify_all(
        root,
        kernels,
        refresh=arguments.refresh,
        compile_only=arguments.compile_only,
        arch=arguments.arch,
        jobs=arguments.jobs,
        seconds=arguments.time_limit,
        report=_say,
    )
    return list(result.problems)


def _programs(
    arguments: argparse.Namespace, root: Path, operations: list[HostOperation]
) -> list[Problem]:
    result = verify_programs(
        root,
        operations,
        refresh=arguments.refresh,
        recheck=arguments.recheck,
        jobs=arguments.jobs,
        seconds=arguments.time_limit,
        report=_say,
    )
    return list(result.problems)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a share like 2/4")
    return int(match[1]), int(match[2])


def _jobs(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return seconds


def _arch(text: str) -> str:
    if not re.fullmatch(r"sm_\d+[af]?(,sm_\d+[af]?)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not like sm_90")
    return text


def _is_chosen(name: str, names: Sequence[str]) -> bool:
    return not names or name in names


def _unknown(names: Sequence[str], root: Path) -> list[Problem]:
    folders = sorted(path.parent.name for path in (root / "kernels").glob("*/kernel.yml"))
    return [
        Problem(
            Location("kernels"),
            "unknown-kernel",
            f"there is no kernel '{name}'",
            did_you_mean(name, folders) or f"Kernels: {', '.join(folders)}.",
        )
        for name in names
        if name not in folders
    ]


def _no_harness() -> Problem:
    message = "there is no folder kernels/harness/ with what checks and times every kernel"
    hint = "Copy it from warpdeck's own kernels/."
    return Problem(Location("kernels/harness"), "no-harness", message, hint)


def _concerns(problem: Problem, names: Sequence[str]) -> bool:
    return not names or any(problem.at.path.startswith(f"kernels/{name}/") for name in names)
