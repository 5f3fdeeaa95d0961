"""`verify --host` runs real programs with the real g++ and Python, and fakes what is missing."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from warpdeck import program_receipts
from warpdeck.cli import main
from warpdeck.commands import verify as verify_command
from warpdeck.model import UsageError
from warpdeck.programs import load_programs
from warpdeck.verify import process, runners
from warpdeck.verify.host_run import run
from warpdeck.verify.run import VerifyResult

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests" / "samples" / "host"

needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
needs_mpi = pytest.mark.skipif(shutil.which("mpicxx") is None, reason="needs Open MPI")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


def verify(
    project: Path, *names: str, refresh: bool = False, recheck: bool = False, seconds: float = 60
) -> VerifyResult:
    operations, found = load_programs(project)
    assert found == []
    chosen = [operation for operation in operations if operation.name in (names or ("mean",))]
    return run(project, chosen, refresh=refresh, recheck=recheck, jobs=2, seconds=seconds)


def told(result: VerifyResult) -> str:
    return "\n".join(map(str, result.problems))


def edit(project: Path, name: str, old: str, new: str) -> None:
    path = project / "kernels" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def prints(project: Path, line: str) -> None:
    """Let the Python sample end with `line`."""
    edit(project, "mean/mean.py", 'print("mean 3")', line)


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verify_command.add_arguments(parser)
    return parser.parse_args(given)


# --- programs that pass --------------------------------------------------------


@needs_gxx
def test_a_right_program_gets_a_whole_receipt(project: Path) -> None:
    result = verify(project, "mean", "bound")
    assert told(result) == ""
    assert sorted(path.name for path in result.written) == ["bound.json", "mean.json"]
    data = json.loads(max(result.written, key=lambda p: p.name == "bound.json").read_text())
    assert (data["runner"], data["stdout"]) == ("g++", "last 5\n")
    assert data["sanitizers"] == {"asan": "pass", "ubsan": "pass"}
    assert data["bugs"] == [
        {
            "id": "past-the-end",
            "detector": "asan",
            "seen": "heap-buffer-overflow: READ of size 4 in last",
        },
        {"id": "first", "detector": "check", "seen": "last is not 5"},
    ]
    assert data["machine"]["cpu"] and data["tools"]["g++"][0].isdigit()


def test_python_says_its_version_and_what_each_bug_showed(project: Path) -> None:
    (path,) = verify(project).written
    data = json.loads(path.read_text())
    assert data["tools"] == {"Python": ".".join(map(str, sys.version_info[:3]))}
    assert data["bugs"] == [{"id": "one-too-many", "detector": "check", "seen": "mean is wrong"}]


def test_what_is_fresh_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = verify(project).written
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    monkeypatch.setattr(process, "run", None)
    again = verify(project)
    assert again == VerifyResult((), ("mean/mean",), ())
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_refresh_and_a_change_of_code_run_again(project: Path) -> None:
    verify(project)
    assert len(verify(project, refresh=True).written) == 1
    edit(project, "mean/mean.py", "1e-12", "1e-11")
    assert len(verify(project).written) == 1


@needs_gxx
def test_openmp_is_right_under_tsan_and_its_race_is_seen(project: Path) -> None:
    shutil.copytree(ROOT / "kernels" / "omp-sum", project / "kernels" / "omp-sum")
    shutil.rmtree(project / "kernels" / "omp-sum" / "receipts")
    result = verify(project, "omp-sum")
    assert told(result) == ""
    data = json.loads(result.written[0].read_text())
    assert data["sanitizers"]["tsan"] == "pass"
    assert {bug["seen"] for bug in data["bugs"]} == {
        "data race in sum",
        "data race in sum_by_hand",
    }


OPENMP = """#include <omp.h>
#include <cstdio>

int main() {
    int named = 0, unnamed = 0, locked = 0, dynamic[64] = {}, after = 0;
    int last[4] = {};
    omp_lock_t lock;
    omp_init_lock(&lock);
#pragma omp parallel num_threads(4)
    {
#pragma omp for schedule(dynamic, 3)
        for (int i = 0; i < 64; ++i) dynamic[i] = i;
#pragma omp for schedule(dynamic, 5)
        for (int i = 0; i < 64; ++i) dynamic[63 - i] += 1;
#pragma omp critical(name)
        ++named;
#pragma omp critical
        ++unnamed;
        omp_set_lock(&lock);
        ++locked;
        omp_unset_lock(&lock);
        // After all that could order it by chance: only the barrier does.
        last[omp_get_thread_num()] = 1;
#pragma omp barrier
#pragma omp single
        after = last[0] + last[1] + last[2] + last[3];
    }
#pragma omp parallel for schedule(guided) num_threads(4)
    for (int i = 0; i < 64; ++i) dynamic[i] += after;
    std::printf("%d %d %d %d\\n", named, unnamed, locked, dynamic[63]);
    return dynamic[63] == 68 ? 0 : 1;
}
"""


@needs_gxx
@pytest.mark.parametrize(
    ("forgotten", "seen"),
    [
        ("#pragma omp critical(name)\n", "data race in main"),
        ("#pragma omp barrier\n", "data race in main"),
        ("        omp_set_lock(&lock);\n", "data race in main"),
    ],
)
def test_openmp_s_ways_to_wait_are_known_and_missed(
    project: Path, forgotten: str, seen: str
) -> None:
    folder = project / "kernels" / "wait"
    folder.mkdir()
    (folder / "wait.cpp").write_text(OPENMP)
    (folder / "kernel.yml").write_text(
        "title: { en: wait }\nprograms:\n  - { id: wait, file: wait.cpp, flags: [-fopenmp] }\n"
        "bugs:\n  - id: forgotten\n    program: wait\n    expect: tsan\n"
        f"    edits: [{{ find: {json.dumps(forgotten)}, replace: '' }}]\n"
    )
    result = verify(project, "wait")
    assert told(result) == ""
    assert json.loads(result.written[0].read_text())["bugs"][0]["seen"] == seen


@needs_mpi
def test_ranks_run_under_mpirun(project: Path) -> None:
    shutil.copytree(ROOT / "kernels" / "mpi-ring", project / "kernels" / "mpi-ring")
    before = (project / "kernels" / "mpi-ring" / "receipts" / "ring.json").read_text()
    result = verify(project, "mpi-ring", refresh=True)
    assert told(result) == ""
    again = json.loads(result.written[0].read_text())
    assert again["stdout"] == json.loads(before)["stdout"]
    assert (again["runner"], again["ranks"]) == ("mpirun", 4)
    assert set(again["tools"]) == {"g++", "Open MPI"}


@needs_mpi
def test_ranks_that_hang_are_all_ended(project: Path) -> None:
    marker = "hangs-for-the-test-of-ranks"
    folder = project / "kernels" / marker
    folder.mkdir()
    (folder / f"{marker}.cpp").write_text(
        "#include <mpi.h>\nint main(int c, char** v) { MPI_Init(&c, &v); for (;;) {} }\n"
    )
    (folder / "kernel.yml").write_text(
        f"title: {{ en: hang }}\nprograms:\n  - {{ id: hang, file: {marker}.cpp, ranks: 3 }}\n"
    )
    assert "did not end within 4 seconds" in told(verify(project, marker, seconds=4))
    time.sleep(0.3)
    commands = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    assert not [command for command in commands if marker.encode() in command]


def test_a_deadlock_can_be_a_bug(project: Path) -> None:
    edit(project, "mean/kernel.yml", "expect: check", "expect: hang")
    assert "bug 'one-too-many' does not hang; it exited with 1: mean is wrong" in told(
        verify(project)
    )
    edit(project, "mean/mean.py", "    return sum", "    again = False\n    return sum")
    edit(
        project, "mean/kernel.yml", '"len(x)", replace: "(len(x) + 1)"',
        '"again = False", replace: "while True: pass"',
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warpdeck.verify.host.HANG", 2.0)
        result = verify(project)
    assert told(result) == ""
    (bug,) = json.loads(result.written[0].read_text())["bugs"]
    assert (bug["detector"], bug["seen"]) == ("hang", "still running after 2 seconds")


# --- programs that fail ----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("while True: pass", "program 'mean' did not end within 2 seconds"),
        ("sys.exit(1)", "program 'mean' exited with 1"),
        ("sys.exit('off by 7')", "program 'mean' exited with 1: off by 7"),
        ("raise ValueError('bad')", "exited with 1: ValueError: bad"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("import os; print(os.getpid())", "printed two things in two runs (with 4 and 3 threads)"),
        ("import os; print(os.environ['OMP_NUM_THREADS'])", "first on line 1. Fix seeds"),
        ("print(hash('a'))", "printed two things in two runs"),
        ("print('\\x1b[31mred')", "printed U+001B, which cannot be shown on a card"),
        ("print('a\\0b')", "printed U+0000"),
        ("sys.stdout.buffer.write(b'\\xff')", "printed what is not UTF-8"),
        ("pass", "printed nothing"),
        ("print('x' * 5000)", "printed 5001 characters, more than 4000"),
        ("open('/proc/self/nothing')", "exited with 1: FileNotFoundError"),
    ],
)
def test_a_program_that_fails_is_a_problem_and_leaves_the_old_receipt(
    project: Path, line: str, said: str
) -> None:
    (path,) = verify(project).written
    before = path.read_bytes()
    prints(project, line)
    result = verify(project, seconds=2)
    assert result.written == ()
    assert said in told(result)
    assert told(result).startswith("kernels/mean/mean.py:1:1: program 'mean' ")
    assert path.read_bytes() == before


def test_one_failure_does_not_stop_the_others(project: Path) -> None:
    shutil.copytree(project / "kernels" / "mean", project / "kernels" / "other")
    prints(project, "sys.exit(1)")
    result = verify(project, "mean", "other")
    assert [path.parent.parent.name for path in result.written] == ["other"]
    assert len(result.problems) == 1


def test_a_file_beside_the_program_cannot_stand_in_for_a_package(project: Path) -> None:
    (project / "kernels" / "mean" / "random.py").write_text("raise SystemExit('shadowed')\n")
    prints(project, "import random; print(random.Random(1).randint(1, 9))")
    assert told(verify(project)) == ""


@pytest.mark.parametrize(
    ("replace", "said"),
    [
        ("(len(x) + 0)", "was not caught by check; it exited with 0"),
        ("len(y)", "was not caught by check; it exited with 1: NameError: name 'y' is not"),
        ("len(x", "was not caught by check; it exited with 1: SyntaxError"),
        ("__import__('os').abort()", "was not caught by check; it was ended by SIGABRT"),
        ("sys.exit(str(id(x)))", "showed two things in two runs"),
    ],
)
def test_a_bug_that_its_check_misses_is_a_problem(project: Path, replace: str, said: str) -> None:
    edit(project, "mean/kernel.yml", "(len(x) + 1)", replace)
    result = verify(project)
    assert result.written == ()
    assert f"kernels/mean/kernel.yml:1:1: bug 'one-too-many' {said}" in told(result)


@needs_gxx
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("int last", "int lost", "bound.cpp:13:9: does not compile: 'last' was not declared"),
        ("    std::puts", "    int unused = 1;\n    std::puts",
         "does not compile: unused variable"),
        ("x.data()[x.size() - 1]", "x.data()[4] + x.data()[5] / 99",
         "did not pass asan: heap-buffer-overflow: READ of size 4 in last"),
        ("    std::puts", "    int big = 2147483647; big += int(x.size());\n"
         "    if (big == 7) return 2;\n    std::puts", "did not pass ubsan: signed integer overfl"),
        ("    std::puts", "    new int(7);\n    std::puts",
         "did not pass asan: detected memory leaks in main"),
        ("    std::puts(", "#ifdef __SANITIZE_ADDRESS__\n    std::puts(\"a\");\n#endif\n"
         "    std::puts(", "printed another thing under asan and ubsan"),
    ],
)  # fmt: skip
def test_what_the_compiler_and_sanitizers_find_is_told(
    project: Path, old: str, new: str, said: str
) -> None:
    edit(project, "bound/bound.cpp", old, new)
    (project / "kernels" / "bound" / "kernel.yml").write_text(
        "title: { en: last }\nprograms:\n  - { id: bound, file: bound.cpp, flags: [-O0] }\n"
    )
    result = verify(project, "bound")
    assert result.written == ()
    assert said in told(result)


# --- what is missing -------------------------------------------------------------


def without(tool: str, folder: Path) -> str:
    """Return a PATH that holds every tool of ours but `tool`."""
    folder.mkdir()
    for name in ("g++", "mpicxx", "mpirun", "as", "ld", "setarch", "true"):
        found = shutil.which(name)
        if found and name != tool:
            (folder / name).symlink_to(found)
    return str(folder)


@needs_mpi
@pytest.mark.parametrize(
    ("tool", "name", "said"),
    [
        ("g++", "bound", "g++ is not on PATH. Install it: `apt-get install g++`"),
        ("mpicxx", "mpi-ring", "Open MPI's mpicxx is not on PATH. Install Open MPI: `apt-get"),
        ("mpirun", "mpi-ring", "Open MPI's mpirun is not on PATH"),
    ],
)
def test_a_missing_tool_says_what_to_install_and_the_others_go_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, name: str, said: str
) -> None:
    if name == "mpi-ring":
        shutil.copytree(ROOT / "kernels" / "mpi-ring", project / "kernels" / "mpi-ring")
    monkeypatch.setenv("PATH", without(tool, tmp_path / "bin"))
    result = verify(project, "mean", name, refresh=True)
    assert [path.name for path in result.written] == ["mean.json"]
    assert said in told(result)
    assert len(result.problems) == 1


def test_a_package_that_is_not_there_is_told(project: Path) -> None:
    edit(project, "mean/kernel.yml", "file: mean.py", "file: mean.py\n    packages: [no_such_pkg]")
    result = verify(project)
    assert "program 'mean' cannot run here: no_such_pkg cannot be imported by" in told(result)
    assert "`pip install no_such_pkg`" in told(result)


def test_a_gpu_that_is_not_there_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    edit(project, "mean/kernel.yml", "file: mean.py", "file: mean.py\n    gpu: true")
    assert "program 'mean' cannot run here: there is no GPU" in told(verify(project))


def test_a_version_that_cannot_be_had_is_a_missing_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("g++", "mpirun"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    operations, _ = load_programs(SAMPLE)
    assert isinstance(runners.find(operations[0].programs[0], 5, ""), runners.Missing)


# --- running again ---------------------------------------------------------------


def test_recheck_runs_again_and_writes_nothing(project: Path) -> None:
    (path,) = verify(project).written
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    lines: list[str] = []
    operations, _ = load_programs(project)
    chosen = [operation for operation in operations if operation.name == "mean"]
    result = run(project, chosen, recheck=True, report=lines.append)
    assert result == VerifyResult((), (), ())
    assert lines == ["mean/mean: ran again, as its receipt says"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_recheck_tells_what_contradicts_the_receipt(project: Path) -> None:
    (path,) = verify(project).written
    path.write_text(path.read_text().replace("mean 3", "mean 4"))
    assert "kernels/mean/receipts/mean.json:1:1: program 'mean' now prints another thing" in told(
        verify(project, recheck=True)
    )


def test_recheck_tells_a_stale_receipt_and_a_bug_that_is_no_longer_caught(project: Path) -> None:
    assert "has never been verified" in told(verify(project, recheck=True))
    (path,) = verify(project).written
    edit(project, "mean/mean.py", "1e-12", "10")
    assert "has changed since it was verified" in told(verify(project, recheck=True))
    data = json.loads(path.read_text())
    operations, _ = load_programs(project)
    operation = next(o for o in operations if o.name == "mean")
    sha = program_receipts.source_sha256(project, operation, operation.programs[0])
    path.write_text(json.dumps({**data, "source_sha256": sha}))
    assert "bug 'one-too-many' was not caught by check" in told(verify(project, recheck=True))


def test_recheck_leaves_to_the_receipt_what_has_no_framework_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(project, "mean/kernel.yml", "file: mean.py", "file: mean.py\n    packages: [torchish]")
    monkeypatch.setattr(runners, "_packages", lambda names: {"torchish": "2.1"})
    assert len(verify(project).written) == 1
    monkeypatch.undo()
    lines: list[str] = []
    operations, _ = load_programs(project)
    result = run(
        project, [o for o in operations if o.name == "mean"], recheck=True, report=lines.append
    )
    assert result.problems == ()
    assert "mean/mean: held by its receipt of " in lines[0] and "torchish" in lines[0]


# --- a new one -------------------------------------------------------------------


@needs_gxx
@pytest.mark.parametrize("kind", [(), ("--python",)])
def test_a_new_program_passes_as_it_is(tmp_path: Path, kind: tuple[str, ...]) -> None:
    assert main(["new", "program", "my-mean", *kind], root=tmp_path) == 0
    assert main(["verify", "my-mean", "--host"], root=tmp_path) == 0
    data = json.loads((tmp_path / "kernels/my-mean/receipts/main.json").read_text())
    assert data["bugs"] == [{"id": "off-by-one", "detector": "check", "seen": "wrong at n = 1"}]


# --- the command -----------------------------------------------------------------


def test_without_a_gpu_the_host_programs_are_verified_and_the_kernels_named(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = ROOT / "tests" / "samples" / "verify" / "project" / "kernels"
    shutil.copytree(toys, project / "kernels", dirs_exist_ok=True)
    monkeypatch.setenv("PATH", "/nowhere")
    shutil.rmtree(project / "kernels" / "bound")
    problems = verify_command.run(arguments(), project)
    assert {problem.rule for problem in problems} == {"no-gpu", "no-nvcc", "no-sanitizer"}
    said = capsys.readouterr().err
    assert "mean/mean: wrote kernels/mean/receipts/mean.json" in said
    assert "not verified: toy" in said
    assert verify_command.run(arguments("--host"), project) == []


def test_compile_only_leaves_host_programs_alone(project: Path) -> None:
    assert verify_command.run(arguments("--compile-only"), project) == []
    assert not list(project.glob("kernels/*/receipts"))


def test_recheck_goes_with_host(project: Path) -> None:
    with pytest.raises(UsageError):
        verify_command.run(arguments("--recheck"), project)
    with pytest.raises(SystemExit):
        arguments("--host", "--compile-only")
