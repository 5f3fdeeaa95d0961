"""Each operator finds its slip in real CUDA, and nvcc compiles the mutants."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from warpdeck.verify import batch, mutate, process, program, syntax, toolchain
from warpdeck.verify.mutate import Mutant
from warpdeck.verify.operators import Edit

ROOT = Path(__file__).resolve().parent.parent
TRANSPOSE = (ROOT / "kernels" / "transpose" / "transpose.cu").read_bytes()
STEPS = ("copy", "naive", "tile", "padded", "coarsened", "swizzled", "aligned")
FLAGS = ("-O3", "-std=c++17", f"-I{ROOT / 'kernels' / 'transpose'}")

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH")


def mutants(code: str, kernel: str = "__global__ void k(float* a, int n)") -> list[Mutant]:
    """Return the mutants of the body `code` of a kernel, or of the file where `kernel` is empty."""
    inside = f"{kernel} {{\n{code}\n}}" if kernel else code
    source = f"#include <x>\n// ANCHOR: k\n{inside}\n// ANCHOR_END: k\n".encode()
    return list(mutate.mutants(syntax.parse(source), "k", "k"))


def lines(
    code: str, operator: str, kernel: str = "__global__ void k(float* a, int n)"
) -> list[str]:
    """Return the changed lines of the mutants that `operator` makes of `code`, in order."""
    inside = f"{kernel} {{\n{code}\n}}" if kernel else code
    source = f"#include <x>\n// ANCHOR: k\n{inside}\n// ANCHOR_END: k\n".encode()
    found = []
    for mutant in mutate.mutants(syntax.parse(source), "k", "k"):
        if mutant.operator == operator:
            before, after = source.split(b"\n"), mutant.apply(source).split(b"\n")
            changed = [b for a, b in zip(before, after, strict=True) if a != b]
            found += [line.decode().strip() for line in changed]
    return found


HOST = "void launch(float* a, int n)"


@pytest.mark.parametrize(
    ("operator", "code", "expected"),
    [
        ("compare", "if (i < n) f();", ["if (i <= n) f();"]),
        ("compare", "while (i >= n) f();", ["while (i > n) f();"]),
        ("compare", "if (i == n) f();", ["if (i != n) f();"]),
        ("logic", "if (p && q) f();", ["if (p || q) f();"]),
        ("arithmetic", "int j = i * 4 + 1;", ["int j = i + 4 + 1;", "int j = i * 4 - 1;"]),
        ("arithmetic", "j >>= 1;", ["j <<= 1;"]),
        ("constant", "x = a[i + 2];", ["x = a[i + 3];", "x = a[i + 1];"]),
        ("constant", "int j = -1;", ["int j = 0;", "int j = -2;"]),
        ("constant", "int j = i & 0x1F;", ["int j = i & 0x20;", "int j = i & 0x1e;"]),
        ("constant", "float r[4]; unsigned j = 0u;", ["float r[4]; unsigned j = 1u;"]),
        ("constant", "wmma::fragment<A, 16, 16, 16, half> f;", []),
        ("index-axis", "i = threadIdx.x;", ["i = threadIdx.y;"]),
        ("index-level", "i = blockIdx.y;", ["i = threadIdx.y;"]),
        ("index-level", "i = blockDim.x;", ["i = gridDim.x;"]),
        ("index-shifted", "i = blockIdx.z;", ["i = (blockIdx.z + 1);", "i = (blockIdx.z - 1);"]),
        (
            "coalescing",
            "int c = threadIdx.x, r = threadIdx.y;",
            ["int c = threadIdx.y, r = threadIdx.x;"],
        ),
        ("sync-removed", "__syncthreads();", [";"]),
        ("sync-removed", "__syncwarp(mask);", [";"]),
        ("sync-removed", "__threadfence_block();", [";"]),
        ("sync-removed", "cg::this_thread_block().sync();", [";"]),
        ("sync-removed", "__pipeline_commit();", [";"]),
        ("sync-removed", 'asm volatile("cp.async.commit_group;" ::: "memory");', [";"]),
        ("sync-removed", 'asm volatile("fence.proxy.async;");', [";"]),
        ("sync-removed", 'asm volatile("bar.sync 1, 128;");', [";"]),
        ("sync-removed", 'asm volatile("ld.global.f32 %0, [%1];" : "=f"(x) : "l"(p));', []),
        ("volatile-removed", "volatile float* v = s;", ["float* v = s;"]),
        ("shared-removed", "__shared__ float t[8];", ["float t[8];"]),
        ("atomic-plain", "atomicAdd(&a[0], x);", ["(*(&a[0])) = (*(&a[0])) + (x);"]),
        ("atomic-plain", "atomicMax(p, x);", ["(*(p)) = (*(p)) > (x) ? (*(p)) : (x);"]),
        (
            "atomic-plain",
            "int k = atomicAdd_block(p, 1);",
            ["int k = ([&] { auto old_ = (*(p)); (*(p)) = (*(p)) + (1); return old_; }());"],
        ),
        (
            "shuffle-offset",
            "x += __shfl_down_sync(m, x, o);",
            ["x += __shfl_down_sync(m, x, (o + 1));", "x += __shfl_down_sync(m, x, (o - 1));"],
        ),
        (
            "shuffle-mask",
            "x += __shfl_xor_sync(~0u, x, 1);",
            ["x += __shfl_xor_sync(0x0000ffffu, x, 1);"],
        ),
        ("shuffle-mask", "b = __ballot_sync(~0u, p);", ["b = __ballot_sync(0x0000ffffu, p);"]),
        ("shuffle-width", "x = __shfl_sync(m, x, 0);", ["x = __shfl_sync(m, x, 0, 16);"]),
        ("shuffle-width", "x = __shfl_sync(m, x, 0, 8);", ["x = __shfl_sync(m, x, 0, (8) / 2);"]),
        ("shuffle-direction", "x = __shfl_up_sync(m, x, 1);", ["x = __shfl_down_sync(m, x, 1);"]),
        ("buffer-parity", "buf ^= 1;", ["buf ^= 0;"]),
        ("buffer-parity", "x = t[k & 1][i];", ["x = t[(k + 1) & 1][i];"]),
        ("buffer-parity", "s = k % STAGES;", ["s = (k + 1) % STAGES;"]),
        (
            "wait-count",
            "__pipeline_wait_prior(1);",
            ["__pipeline_wait_prior(2);", "__pipeline_wait_prior(0);"],
        ),
        ("wait-count", "cp_async_wait<0>();", ["cp_async_wait<1>();"]),
        (
            "wait-count",
            'asm volatile("cp.async.wait_group 1;\\n" ::: "memory");',
            [
                'asm volatile("cp.async.wait_group 2;\\n" ::: "memory");',
                'asm volatile("cp.async.wait_group 0;\\n" ::: "memory");',
            ],
        ),
        (
            "wait-count",
            'asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(N - 1));',
            [
                'asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(((N - 1) + 1)));',
                'asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(((N - 1) - 1)));',
            ],
        ),
        ("barrier-phase", "wait(full[s], phase);", ["wait(full[s], (phase) ^ 1);"]),
        (
            "barrier-phase",
            'asm("try_wait.parity p, [%1], %2;" : "=r"(ok) : "r"(bar), "r"(phase));',
            ['asm("try_wait.parity p, [%1], %2;" : "=r"(ok) : "r"(bar), "r"((phase) ^ 1));'],
        ),
        (
            "expected-bytes",
            "expect_tx(bar, BM * BK * 2);",
            ["expect_tx(bar, (BM * BK * 2) + 16);", "expect_tx(bar, (BM * BK * 2) - 16);"],
        ),
        (
            "expected-bytes",
            'asm("mbarrier.arrive.expect_tx.b64 _, [%0], %1;" :: "r"(bar), "r"(bytes));',
            [
                'asm("mbarrier.arrive.expect_tx.b64 _, [%0], %1;" :: "r"(bar), "r"((bytes) + 16));',
                'asm("mbarrier.arrive.expect_tx.b64 _, [%0], %1;" :: "r"(bar), "r"((bytes) - 16));',
            ],
        ),
        ("swizzle-dropped", "x = t[r][c ^ (r / 4)];", ["x = t[r][c];"]),
        ("swizzle-changed", "x = t[r][c ^ r];", ["x = t[r][c ^ (r + 1)];"]),
        (
            "accumulator",
            "float s = 0; s += a[i];",
            ["float s = 0; s = __half2float(__float2half(s + (a[i])));"],
        ),
        ("accumulator", "double s[2]; s[j] += x;", ["double s[2]; s[j] = float(s[j] + (x));"]),
        (
            "accumulator",
            "float s; s = fmaf(x, y, s);",
            ["float s; s = __half2float(__float2half(fmaf(x, y, s)));"],
        ),
        ("accumulator", "int s = 0; s += a[i];", []),
        ("identity", "float m = -INFINITY;", ["float m = 0;"]),
        ("identity", "m = -std::numeric_limits<float>::infinity();", ["m = 0;"]),
        ("identity", "m = -1e30f;", ["m = 0;"]),
        ("max-subtract", "y = __expf(x - m) / l;", ["y = __expf(x) / l;"]),
        ("rescale", "l = l * expf(m - n) + p;", ["l = l + p;"]),
        ("rescale", "o *= scale;", ["o;"]),
        ("int32", "x = a[size_t(i) * n];", ["x = a[int(i) * n];"]),
        ("int32", "x = a[(int64_t)i * n];", ["x = a[(int)i * n];"]),
        ("int32", "x = a[static_cast<size_t>(i) * n];", ["x = a[static_cast<int>(i) * n];"]),
        ("int32", "size_t i = j;", ["int i = j;"]),
        ("padding", "__shared__ float t[8][T + 1];", ["__shared__ float t[8][T];"]),
        ("padding", "__shared__ float t[32][33];", ["__shared__ float t[32][32];"]),
        ("padding", "float t[32][33];", []),
        (
            "vector-width",
            "v = *(const float2*)(a + i);",
            ["v = make_float2(((const float*)((a + i)))[0], ((const float*)((a + i)))[1]);"],
        ),
        (
            "vector-width",
            "reinterpret_cast<int2*>(a)[i] = v;",
            ["{ int2 v_ = v; auto p_ = (int*)((int2*)(a) + (i)); p_[0] = v_.x; p_[1] = v_.y; }"],
        ),
    ],
)
def test_an_operator_makes_its_slip_and_no_other(
    operator: str, code: str, expected: list[str]
) -> None:
    assert lines(code, operator) == expected


@pytest.mark.parametrize(
    ("operator", "code", "expected"),
    [
        ("launch-shape", "k<<<g, 256>>>(a);", 4),
        ("launch-shape", "dim3 b(X, Y); k<<<b, 2>>>(a);", 6),
        ("launch-shape", "k<<<dim3(n, 2), dim3{4}>>>(a);", 6),
        ("launch-swapped", "dim3 b(X, Y);", 1),
        ("launch-swapped", "dim3 b(X, X);", 0),
        ("launch-swapped", "k<<<g, b>>>(a);", 1),
        ("launch-shared", "k<<<g, b, bytes, stream>>>(a);", 1),
        ("launch-shared", "k<<<g, b, 0, stream>>>(a);", 0),
        ("constant", "k<<<g, 256>>>(a); CUDA_CHECK(f(1));", 0),
    ],
)
def test_a_launch_is_changed_in_its_shape(operator: str, code: str, expected: int) -> None:
    assert len(lines(code, operator, HOST)) == expected


def test_a_launch_is_changed_as_one_would_write_it() -> None:
    assert lines("dim3 grid(ceil_div(N, T), M);", "launch-shape", HOST) == [
        "dim3 grid(((ceil_div(N, T)) + 1), M);",
        "dim3 grid(((ceil_div(N, T)) - 1), M);",
        "dim3 grid(ceil_div(N, T), (M + 1));",
        "dim3 grid(ceil_div(N, T), (M - 1));",
    ]
    assert lines("k<<<grid, block>>>(a);", "launch-swapped", HOST) == ["k<<<block, grid>>>(a);"]
    assert lines("k<<<1, dim3{4u}>>>(a);", "launch-shape", HOST)[2:] == [
        "k<<<1, dim3{5}>>>(a);",
        "k<<<1, dim3{3}>>>(a);",
    ]


def test_a_mutant_has_an_id_words_and_a_place() -> None:
    found = mutants("    if (i < n) a[i] = 0;  // ×")
    first = next(mutant for mutant in found if mutant.operator == "compare")
    assert (first.id, first.line, first.column) == ("k:2:11:compare", 4, 11)
    assert first.words == "`<` → `<=` in `if (i < n) a[i] = 0; // ×`"
    assert first.device_only
    assert not mutants("int i = 1;", HOST)[0].device_only
    assert not mutants("int i = 1;", "__host__ __device__ int f()")[0].device_only


def test_the_same_code_is_made_once_and_the_same_mutants_each_time() -> None:
    code = "dim3 g(2, 2); if (a < b && c < d) k<<<g, 2>>>(p + 1);"
    one, two = mutants(code, HOST), mutants(code, HOST)
    assert one == two
    assert len({mutant.id for mutant in one}) == len(one)
    places = [(mutant.line, mutant.column) for mutant in one]
    assert places == sorted(places)


def test_comments_strings_and_other_regions_are_left_alone() -> None:
    assert mutants('// i < n\nprintf("%d < 1");') == []
    source = b"// ANCHOR: k\nint a = 1;\n// ANCHOR_END: k\nint b = 1;\n"
    assert {m.line for m in mutate.mutants(syntax.parse(source), "k", "k")} == {2}


def test_code_that_is_no_code_has_no_mutants() -> None:
    assert mutants(")) < { + ? 1 <<<", "") == []


# --- transpose ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_our_own_kernel_s_mutants_are_distinct_and_lie_in_its_regions(step: str) -> None:
    tree = syntax.parse(TRANSPOSE)
    found = mutate.mutants(tree, step, step)
    assert 20 < len(found) < 160
    assert len({mutant.apply(TRANSPOSE) for mutant in found}) == len(found)
    assert {mutant.id.split(":")[0] for mutant in found} <= {step, f"{step}-launch"}
    assert all(mutant.words.isprintable() for mutant in found)


def test_kernels_that_a_version_cannot_launch_are_emptied() -> None:
    tree = syntax.parse(TRANSPOSE)
    body = batch.without_strangers(tree, "swizzled", "copy", STEPS)
    assert len(body) == len(TRANSPOSE)
    assert body.count(b"\n") == TRANSPOSE.count(b"\n")
    kept = [step for step in STEPS if function(body, f"{step}_kernel").strip()]
    # copy is the limit; swizzled falls back to coarsened, and has a variable of the name tile.
    assert kept == ["copy", "tile", "coarsened", "swizzled"]
    assert function(body, "copy_scalar_kernel").strip()  # stands in no region


def function(source: bytes, name: str) -> str:
    for node in syntax.functions(syntax.parse(source)):
        if syntax.name_of(node.part("declarator")) == name and (body := node.part("body")):
            return body.text[1:-1]
    raise KeyError(name)


# --- programs of many mutants ---------------------------------------------------------------


def test_batches_are_of_about_the_same_size() -> None:
    found = mutants("if (a < b && c < d) x = a[i + 1] * 2 + 3 - 4 * 5;")
    assert len(found) > 16
    sizes = [len(part) for part in batch.batches(found)]
    assert sum(sizes) == len(found)
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= batch.SIZE
    assert batch.batches([]) == [()]


def test_mutants_known_to_be_tough_share_programs() -> None:
    found = mutants("if (a < b && c < d) x = a[i + 1] * 2 + 3 - 4 * 5;")
    tough = {found[n].id for n in (0, 7, len(found) - 1)}
    first, *others = batch.batches(found, tough)
    assert {mutant.id for mutant in first} == tough
    assert sorted(m.id for part in others for m in part) == sorted(
        m.id for m in found if m.id not in tough
    )


PTX = """\
.visible .entry _ZN9mutant_0_13padded_kernelEPf(
	.param .u64 _ZN9mutant_0_13padded_kernelEPf_param_0
)
{
	.loc	1 7 3
	setp.lt.s32 	%p1, %r1, %r2; // comment
$L__BB0_1:
	ret;
}
"""


def test_the_same_ptx_is_seen_whatever_its_names_and_lines() -> None:
    same = PTX.replace("mutant_0_", "mutant_1_").replace("BB0_", "BB7_").replace("7 3", "9 1")
    other = PTX.replace("9mutant_0_", "10mutant_13_").replace("setp.lt", "setp.le")
    assert batch.same_code([PTX + same + other]) == {1}
    assert batch.same_code([PTX + same, PTX]) == set()  # for another target it is not
    assert batch.same_code([]) == set()


HEADED = """
.version 9.0
.target sm_90a
.address_size 64
.extern .shared .align 16 .b8 _ZN9mutant_0_6sharedE[];
.extern .shared .align 16 .b8 _ZN9mutant_1_6sharedE[];
.visible .entry _ZN9mutant_0_1kEv()
{
	// begin inline asm
	{
.reg .pred p;
setp.eq.b32 p, 0, 0;
}

	// end inline asm
	mov.b32 	%r1, 1;
	ret;

}
"""


def test_the_header_is_no_part_of_the_original() -> None:
    kernel = HEADED[HEADED.index(".visible") :].replace("9mutant_0_", "9mutant_1_")
    assert batch.same_code([HEADED + kernel]) == {1}


def test_a_brace_of_inline_assembly_ends_no_function() -> None:
    kernel = HEADED[HEADED.index(".visible") :].replace("9mutant_0_", "9mutant_1_")
    assert batch.same_code([HEADED + kernel.replace("%r1, 1;", "%r1, 2;")]) == set()


def slip(name: str, old: bytes, new: str) -> Mutant:
    start = TRANSPOSE.index(old)
    edit = Edit(start, start + len(old), new)
    return Mutant(name, "padded", "x", 1, 1, (edit,), "", True)


@needs_nvcc
def test_a_program_holds_many_mutants_and_says_which_are_the_same(tmp_path: Path) -> None:
    tools = toolchain.find(("sm_90",), 300, ROOT)
    assert isinstance(tools, toolchain.Toolchain)
    row = b"int tx = threadIdx.x, ty = threadIdx.y;\n    int col"
    shared = b"__shared__ float tile[TILE][TILE];"
    slips = [
        slip("same", b"if (row < M && col < N)\n        tile", "if (M > row && N > col)\n tile"),
        slip("real", row, "int tx = threadIdx.y, ty = threadIdx.x;\n    int col"),
        slip("unknown", row, "int tx = nothing, ty = threadIdx.y;\n    int col"),
        slip("too-large", shared, "__shared__ float tile[TILE][TILE * 64];"),
    ]
    done = batch.compile_batch(tools, TRANSPOSE, slips, tmp_path, FLAGS)
    assert done.error == ""
    assert {name: built.same_code for name, built in done.built.items()} == {
        "same": True,
        "real": False,
    }
    assert done.control and done.control.program == done.built["same"].program
    real = done.built["real"]
    listed = process.run([str(real.program), *real.options, "--list"], 60, tmp_path)
    assert listed.stdout.split() == list(STEPS)
    assert process.run([str(real.program), "--mutant", "99", "--list"], 60, tmp_path).code == 2


CUDA = """\
inline int cudaDeviceSynchronize() { return 0; }
inline int cudaGetLastError() { return 0; }
enum { cudaSuccess };
"""
BEHAVES = b"""\
#include <unistd.h>
int main(int argc, char** argv) {
    const char* shape = argv[argc - 1];
    const char* fails_at = "no";
    const char* hangs_at = "no";
    const char* ends_at = "no";
    if (!std::strcmp(shape, ends_at)) std::abort();
    if (!std::strcmp(shape, hangs_at)) sleep(60);
    if (!std::strcmp(shape, fails_at)) {
        std::puts(R"({"failure": {"kind": "value", "shape": [2], "message": "!"}})");
        return 1;
    }
    std::puts(R"({"done": {}})");
    return 0;
}
"""


def test_mutants_in_one_process_run_at_every_shape_until_they_fail(tmp_path: Path) -> None:
    def changed(name: str, what: str, shape: str) -> Mutant:
        start = BEHAVES.index(b'"no"', BEHAVES.index(what.encode()))
        edits = (Edit(start, start + 4, f'"{shape}"'),)
        return Mutant(name, "v", "x", 1, 1, edits, "", False)

    slips = [
        changed("fails", "fails_at", "2"),
        changed("hangs", "hangs_at", "3"),
        changed("ends", "ends_at", "3"),
        changed("ends early", "ends_at", "1"),
        changed("right", "ends_at", "5"),
    ]
    (tmp_path / "cuda_fp16.h").write_text(CUDA, "utf-8")
    text, _ = batch.source(BEHAVES, slips)
    (tmp_path / "mutants.cpp").write_bytes(text)
    made = process.run(["g++", "-I.", "mutants.cpp", "-o", "mutants"], 60, tmp_path)
    assert made.code == 0, made.stderr
    ran = program.run_each(tmp_path / "mutants", "v", [1, 2, 3, 4, 5], 30, shapes=["1", "2", "3"])
    kinds = {number: run.failure.kind if run.failure else "" for number, run in ran.items()}
    assert kinds == {0: "", 1: "value", 2: "time-limit", 3: "crash", 4: "crash", 5: ""}
    alone = process.run([str(tmp_path / "mutants"), "--mutant", "1", "--shape", "2"], 9, tmp_path)
    assert alone.code == 1
    assert process.run([str(tmp_path / "mutants"), "--shape", "2"], 9, tmp_path).code == 2


HARNESS = """\
#include <functional>
#include <string>
#include <vector>
namespace harness {
using Doubles = std::vector<double>;
template <class In> struct Case {
    std::vector<int> shape;
    std::vector<std::vector<In>> in;
    std::vector<std::vector<int>> indices;
};
template <class In, class Out = In> struct Version {
    std::string name;
    std::function<Doubles(const Case<In>&)> reference;
};
template <class In, class Out = In> struct Operation {
    std::vector<Version<In, Out>> versions;
    std::function<Doubles(const Case<In>&)> reference;
};
template <class In, class Out>
int main(const Operation<In, Out>& op, int argc, char** argv) {
    int n = std::atoi(argv[argc - 1]);
    for (float x : {1.f, 2.f, 1.f}) {
        Case<In> inputs = {{n}, {{x}}, {{n}}};
        for (auto& reference : {op.reference, op.versions[0].reference, op.versions[1].reference})
            if (reference) std::printf("%g ", reference(inputs)[0]);
    }
    std::puts(R"({"done": {}})");
    return 0;
}
}
"""
USES_HARNESS = b"""\
#include "harness.h"
using Case = harness::Case<float>;
harness::Doubles reference(const Case& c) {
    std::fprintf(stderr, "computed\\n");
    return {10 * c.shape[0] + double(c.in[0][0])};
}
int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.reference = reference;
    op.versions = {{"plain", nullptr}, {"own", [](const Case& c) {
        std::fprintf(stderr, "computed\\n");
        return harness::Doubles{0.5 + c.in[0][0]};
    }}};
    return harness::main(op, argc, argv);
}
"""


def test_the_mutants_of_a_program_share_what_the_reference_computes(tmp_path: Path) -> None:
    end = len(USES_HARNESS) - 1
    slips = [
        Mutant(str(n), "v", "x", 1, 1, (Edit(end, end, f"// {n}"),), "", False) for n in range(3)
    ]
    (tmp_path / "cuda_fp16.h").write_text(CUDA, "utf-8")
    (tmp_path / "harness.h").write_text(HARNESS, "utf-8")
    text, _ = batch.source(USES_HARNESS, slips)
    (tmp_path / "mutants.cpp").write_bytes(text)
    made = process.run(["g++", "-I.", "mutants.cpp", "-o", "mutants"], 60, tmp_path)
    assert made.code == 0, made.stderr
    command = [str(tmp_path / "mutants"), "--mutant", "0,1,2,3", "--shapes", "3,4"]
    ran = process.run(command, 30, tmp_path)
    assert ran.code == 0
    assert (
        ran.stdout.count("31 1.5 32 2.5 31 1.5 ") == ran.stdout.count("41 1.5 42 2.5 41 1.5 ") == 4
    )
    assert ran.stderr.count("computed") == 2 * 2 * 2  # shapes, inputs, references


@needs_nvcc
def test_a_file_that_cannot_be_copied_is_said_so(tmp_path: Path) -> None:
    tools = toolchain.find(("sm_90",), 300, ROOT)
    assert isinstance(tools, toolchain.Toolchain)
    source = b'extern "C" void f() {}\nint main() { return 0; }\n'
    tail = Mutant("m", "v", "x", 1, 1, (Edit(len(source) - 5, len(source) - 4, "1"),), "", False)
    done = batch.compile_batch(tools, source, [tail], tmp_path / "one", ())
    assert done.control is None and "error" in done.error
    alone = batch.compile_alone(tools, source, [tail], tmp_path / "two", ())
    assert alone.control and list(alone.built) == ["m"]
