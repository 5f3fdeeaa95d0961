"""kernel.yml is read whole, and each mistake in it is told with its place and a way out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from warpdeck.kernels import load_kernels
from warpdeck.model import Edit

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests" / "samples" / "verify" / "project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


def edit(project: Path, old: str, new: str, name: str = "kernel.yml") -> None:
    path = project / "kernels" / "toy" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def problems(project: Path) -> list[str]:
    kernels, found = load_kernels(project)
    assert bool(found) == (kernels == ())
    return [str(problem) for problem in found]


def test_a_kernel_is_read_whole(project: Path) -> None:
    (kernel,), found = load_kernels(project)
    assert found == []
    assert (kernel.name, kernel.file, kernel.flags) == ("toy", "toy.cu", ("-O3",))
    assert (kernel.limit, kernel.shape) == ("copy", (64, 32))
    assert [(step.name, step.anchor) for step in kernel.steps] == [
        ("copy", "copy"),
        ("fast", "fast"),
    ]
    assert kernel.steps[1].labels == (("zh", "快"), ("en", "fast"))
    assert [(bug.id, bug.expect) for bug in kernel.bugs] == [
        ("wrong-value", "compare"),
        ("no-barrier", "racecheck"),
        ("slow", "time"),
    ]
    assert kernel.bugs[2].edits == (Edit("125", "250"),)
    assert [output.id for output in kernel.outputs] == ["hello"]


def test_our_own_kernels_have_no_problems() -> None:
    kernels, found = load_kernels(ROOT)
    assert found == []
    assert "transpose" in [kernel.name for kernel in kernels]


def test_a_limit_may_be_none_of_the_steps(project: Path) -> None:
    edit(project, "limit: copy", "limit: { zh: 峰值, en: peak }\narch: sm_90a")
    (kernel,), found = load_kernels(project)
    assert found == []
    assert (kernel.limit, kernel.arch) == ("", "sm_90a")
    assert dict(kernel.limit_labels) == {"zh": "峰值", "en": "peak"}


def test_a_kernel_may_be_a_draft(project: Path) -> None:
    (kernel,), _ = load_kernels(project)
    assert not kernel.draft
    edit(project, "limit: copy", "limit: copy\ndraft: true")
    (kernel,), found = load_kernels(project)
    assert found == []
    assert kernel.draft


def test_output_programs_may_stand_alone(project: Path) -> None:
    (project / "kernels" / "toy" / "kernel.yml").write_text(
        "title: { en: Toys }\nflags: []\noutputs: [{ id: hello, file: hello.cu }]\n", "utf-8"
    )
    (kernel,), found = load_kernels(project)
    assert found == []
    assert (kernel.file, kernel.steps, kernel.limit) == ("", (), "")
    edit(project, "hello.cu", "helo.cu")
    assert problems(project) == [
        "kernels/toy/kernel.yml:3:24: there is no file 'helo.cu' beside kernel.yml. "
        "Did you mean 'hello.cu'?"
    ]


def test_output_programs_alone_have_no_bugs(project: Path) -> None:
    (project / "kernels" / "toy" / "kernel.yml").write_text(
        "title: { en: Toys }\nflags: []\nbugs: []\noutputs: [{ id: hello, file: hello.cu }]\n",
        "utf-8",
    )
    assert "bugs" in "".join(problems(project))


def test_bugs_and_outputs_may_be_left_out(project: Path) -> None:
    path = project / "kernels" / "toy" / "kernel.yml"
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("bugs:")], "utf-8")
    (kernel,), found = load_kernels(project)
    assert (found, kernel.bugs, kernel.outputs) == ([], (), ())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("limit: copy", "limti: copy", "4:1: unknown key 'limti'. Did you mean 'limit'?"),
        ("limit: copy", "limit: copi", "4:1: there is no step 'copi'. Did you mean 'copy'?"),
        ("version: fast", "version: fats", "13:5: there is no step 'fats'. Did you mean 'fast'?"),
        ("expect: compare", "expect: compair", "Did you mean 'compare'?"),
        ("expect: time", "expect: luck", "One of: compare, memcheck,"),
        ("file: toy.cu", "file: ty.cu", "2:1: there is no file 'ty.cu' beside kernel.yml. Did"),
        ("file: toy.cu", "file: ../../etc/x.cu", "Name a .cu file beside kernel.yml"),
        ("file: hello.cu", "file: hallo.cu", "Did you mean 'hello.cu'?"),
        ("flags: [-O3]", "flags: [-arch=sm_90]", "are set by `verify`"),
        ("shape: [64, 32]", "shape: [64, 0]", "like [8192, 8192]"),
        ("- name: fast", "- name: copy", "steps holds 'copy' a second time"),
        ("- id: slow", "- id: no-barrier", "bugs holds 'no-barrier' a second time"),
        ("- name: fast", "- name: fsat", "toy.cu has no anchor 'fsat'. Did you mean 'fast'?"),
        ('find: "fast: right 125"', 'find: "fast: left"', "occurs 0 times in the code"),
        ('find: "125"', 'find: "t"', "occurs 2 times in the code"),
        ("shape: [64, 32]", "shape: [64, 32]\nlimit: copy", "key 'limit' is here a second time"),
        ("title: { zh: 玩具, en: toy }", "", "key 'title' is missing"),
        ("steps:", "steps: [", "not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place(project: Path, old: str, new: str, told: str) -> None:
    edit(project, old, new)
    found = problems(project)
    assert any(told in line for line in found), found
    assert all(line.startswith("kernels/toy/kernel.yml:") for line in found)


def test_all_mistakes_are_told_at_once(project: Path) -> None:
    edit(project, "limit: copy", "limit: cpoy")
    edit(project, 'find: "right"', 'find: "nowhere"')
    edit(project, "file: hello.cu", "file: gone.cu")
    assert len(problems(project)) == 3


def test_a_bad_kernel_does_not_hide_a_good_one(project: Path) -> None:
    shutil.copytree(project / "kernels" / "toy", project / "kernels" / "good")
    edit(project, "limit: copy", "limit: cpoy")
    kernels, found = load_kernels(project)
    assert [kernel.name for kernel in kernels] == ["good"]
    assert len(found) == 1


def test_a_link_out_of_kernels_is_refused(project: Path) -> None:
    outside = project / "hello.cu"
    (project / "kernels" / "toy" / "hello.cu").rename(outside)
    (project / "kernels" / "toy" / "hello.cu").symlink_to(outside)
    assert "leaves kernels/" in problems(project)[0]


def test_no_kernels_are_no_problem(tmp_path: Path) -> None:
    assert load_kernels(tmp_path) == ((), [])
