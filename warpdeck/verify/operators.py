"""The mutation operators: each small slip that a CUDA author could make, as edits of a tree.

Owns: which piece of syntax can be broken in which way. An operator is a function from one
node to the changes that it offers there. Must not know files, compilers or detectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from warpdeck.verify import syntax
from warpdeck.verify.syntax import Node


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes `start` to `end` of the file become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One way to break the code: an operator's name and its edits, which do not overlap."""

    operator: str
    edits: tuple[Edit, ...]


Changes = Iterator[Change]


def changes(node: Node) -> Changes:
    """Yield every change that any operator offers at `node` itself, not below it."""
    for operator in OPERATORS.get(node.kind, ()):
        yield from operator(node)


def _change(operator: str, node: Node, text: str) -> Change:
    return Change(operator, (Edit(node.start, node.end, text),))


# --- the grid, the indices -------------------------------------------------------


def launch(node: Node) -> Changes:
    """`<<<grid, block, bytes>>>`: one more or less of each, grid and block swapped."""
    arguments = node.inner()
    function = node.within("function_definition")
    for argument in arguments[:2]:
        if argument.kind != "initializer_list" and not _is_dim3(argument, function):
            yield from _one_more_or_less("launch-shape", argument)
    if len(arguments) > 1 and arguments[0].text != arguments[1].text:
        yield _swap("launch-swapped", arguments[0], arguments[1])
    if len(arguments) > 2 and arguments[2].text != "0":
        yield _change("launch-shared", arguments[2], f"({arguments[2].text}) / 2")


def dimensions(node: Node) -> Changes:
    """`dim3 grid(x, y)` and `dim3(x, y)`: one more or less of each, the first two swapped."""
    sizes: tuple[Node, ...] = ()
    kind = node.part("type")
    if node.kind == "compound_literal_expression" and kind and kind.text == "dim3":
        value = node.part("value")
        sizes = value.inner() if value else ()
    elif node.kind == "call_expression" and _called(node) == "dim3":
        sizes = _arguments(node)
    elif node.kind == "declaration" and kind and kind.text == "dim3":
        lists = ("argument_list", "parameter_list", "initializer_list")
        below = [child for child in node.walk() if child.kind in lists]
        call = node.part("declarator")
        if below and call and below[0].parent is call:
            sizes = below[0].inner()
    for size in sizes:
        yield from _one_more_or_less("launch-shape", size)
    if len(sizes) > 1 and sizes[0].text != sizes[1].text:
        yield _swap("launch-swapped", sizes[0], sizes[1])


_AXES = {"x": "y", "y": "x", "z": "y"}
_OTHER_INDEX = {"threadIdx": "blockIdx", "blockIdx": "threadIdx"}
_OTHER_SIZE = {"blockDim": "gridDim", "gridDim": "blockDim"}


def index(node: Node) -> Changes:
    """`threadIdx.x`: another axis, block for thread, one more, one less."""
    name, axis = _dotted(node)
    if axis not in _AXES or name not in _OTHER_INDEX | _OTHER_SIZE:
        return
    yield _change("index-axis", node, f"{name}.{_AXES[axis]}")
    yield _change("index-level", node, f"{(_OTHER_INDEX | _OTHER_SIZE)[name]}.{axis}")
    if name in _OTHER_INDEX:
        yield from _one_more_or_less("index-shifted", node)


def coalescing(node: Node) -> Changes:
    """`threadIdx.x` ↔ `threadIdx.y` in a whole kernel: often the same values, in a bad order."""
    if not syntax.is_device_only(node):
        return
    used = [n for n in node.walk() if _dotted(n)[0] == "threadIdx" and _dotted(n)[1] in "xy"]
    if {_dotted(n)[1] for n in used} == {"x", "y"}:
        edits = tuple(Edit(n.start, n.end, f"threadIdx.{_AXES[_dotted(n)[1]]}") for n in used)
        yield Change("coalescing", edits)


# --- memory and order --------------------------------------------------------------

_ORDERING = re.compile(
    r"__sync(?:threads|warp)\w*|__threadfence\w*|__pipeline_commit|\w*fence\w*|\w*commit\w*"
)
_ORDERING_METHODS = frozenset({"sync", "arrive_and_wait", "arrive", "wait", "producer_commit"})
_ORDERING_ASM = re.compile(r"fence|membar|\bbar\.|barrier\.|commit_group")


def ordering(node: Node) -> Changes:
    """A barrier, a fence or a commit, in C++ or in asm, is removed."""
    inner = node.inner()
    if len(inner) != 1:
        return
    call = inner[0]
    if call.kind == "call_expression":
        function = call.part("function")
        name = _called(call)
        method = function is not None and function.kind == "field_expression"
        if _ORDERING.fullmatch(name) or (method and name in _ORDERING_METHODS):
            yield _change("sync-removed", node, ";")
    elif call.kind == "gnu_asm_expression":
        text = _asm_text(call)
        if _ORDERING_ASM.search(text) and "mbarrier" not in text:
            yield _change("sync-removed", node, ";")


def qualifier(node: Node) -> Changes:
    """`volatile` or `__shared__` is removed."""
    if node.text == "volatile":
        yield _change("volatile-removed", node, "")
    elif node.text == "__shared__":
        yield _change("shared-removed", node, "")


_PLAIN = {
    "Add": "{0} + ({1})",
    "Sub": "{0} - ({1})",
    "Max": "{0} > ({1}) ? {0} : ({1})",
    "Min": "{0} < ({1}) ? {0} : ({1})",
    "And": "{0} & ({1})",
    "Or": "{0} | ({1})",
    "Xor": "{0} ^ ({1})",
    "Exch": "({1})",
    "CAS": "{0} == ({1}) ? ({2}) : {0}",
}


def atomic(node: Node) -> Changes:
    """An atomic becomes a plain read and a plain write."""
    match = re.fullmatch(r"atomic(Add|Sub|Max|Min|And|Or|Xor|Exch|CAS)(?:_\w+)?", _called(node))
    arguments = [argument.text for argument in _arguments(node)]
    if not match or len(arguments) < (3 if match[1] == "CAS" else 2):
        return
    place = f"(*({arguments[0]}))"
    plain = f"{place} = {_PLAIN[match[1]].format(place, *arguments[1:])}"
    if node.parent and node.parent.kind == "expression_statement":
        yield _change("atomic-plain", node, plain)
    else:  # its value, the old one, is used
        text = f"([&] {{ auto old_ = {place}; {plain}; return old_; }}())"
        yield _change("atomic-plain", node, text)


def shuffle(node: Node) -> Changes:
    """A shuffle or vote: other offset, half the mask, half the width, the other direction."""
    name = _called(node)
    arguments = _arguments(node)
    match = re.fullmatch(r"__(shfl(?:_up|_down|_xor)?|ballot|any|all|reduce_\w+)_sync", name)
    if not match or len(arguments) < 2:
        return
    yield _change("shuffle-mask", arguments[0], "0x0000ffffu")
    if not match[1].startswith("shfl") or len(arguments) < 3:
        return
    yield from _one_more_or_less("shuffle-offset", arguments[2])
    if len(arguments) > 3:
        yield _change("shuffle-width", arguments[3], f"({arguments[3].text}) / 2")
    else:
        yield Change("shuffle-width", (Edit(arguments[2].end, arguments[2].end, ", 16"),))
    other = {"shfl_up": "shfl_down", "shfl_down": "shfl_up", "shfl_xor": "shfl_down"}
    function = node.part("function")
    if function and match[1] in other:
        yield _change("shuffle-direction", function, f"__{other[match[1]]}_sync")


# --- pipelines -----------------------------------------------------------------------

_WAITS = re.compile(r"(?:wait_group(?:\.read)?|wait_group\.sync\.aligned)\s+(%?\d+)")
_EXPECTS = re.compile(r"expect_tx[^;]*%(\d+)\s*;")
_PARITY = re.compile(r"phase|parity", re.IGNORECASE)


def wait_count(node: Node) -> Changes:
    """`__pipeline_wait_prior(n)`, `wait<n>()`: one group more or less is left in flight."""
    if "wait" not in _called(node):
        return
    function = node.part("function")
    template = function.first("template_argument_list") if function else None
    counts = list(template.inner() if template else ())
    if _called(node) == "__pipeline_wait_prior":
        counts += _arguments(node)
    for count in counts:
        yield from _one_more_or_less("wait-count", count)
    for argument in _arguments(node):
        if _PARITY.search(argument.text):
            yield _change("barrier-phase", argument, f"({argument.text}) ^ 1")


def expected_bytes(node: Node) -> Changes:
    """The bytes that an mbarrier expects: 16 more, 16 less."""
    arguments = _arguments(node)
    if "expect_tx" in _called(node) and arguments:
        yield from _bytes(arguments[-1])


def assembly(node: Node) -> Changes:
    """Inline asm: groups left in flight, bytes expected, parity waited for."""
    operands = _asm_operands(node)
    for piece in node.walk():
        if piece.kind == "string_content" and (match := _WAITS.search(piece.text)):
            number = match[1]
            if number.startswith("%"):
                yield from _operand_count(operands, int(number[1:]))
                continue
            start = piece.start + len(piece.text[: match.start(1)].encode())
            for other in _around(int(number)):
                edit = Edit(start, start + len(number), str(other))
                yield Change("wait-count", (edit,))
    text = _asm_text(node)
    if (match := _EXPECTS.search(text)) and int(match[1]) < len(operands):
        yield from _bytes(operands[int(match[1])])
    if "parity" in text:
        for operand in operands:
            if _PARITY.search(operand.text):
                yield _change("barrier-phase", operand, f"({operand.text}) ^ 1")


def parity(node: Node) -> Changes:
    """Which of several buffers is used: `^ 1`, `% STAGES`, `& 1`."""
    left, sign, right = _binary(node)
    if not left or not right:
        return
    if sign in ("^", "^=") and right.text == "1":
        yield _change("buffer-parity", right, "0")
    stages = re.fullmatch(r"[2-8]|\w*(?:stage|buf|depth|pipe)\w*", right.text, re.IGNORECASE)
    if (sign == "%" and stages) or (sign == "&" and right.text == "1"):
        yield _change("buffer-parity", left, f"({left.text} + 1)")


def swizzle(node: Node) -> Changes:
    """An XOR of an address is dropped, or its right side is off by one."""
    left, sign, right = _binary(node)
    if left and right and sign == "^" and right.text != "1":
        yield Change("swizzle-dropped", (Edit(left.end, node.end, ""),))
        yield _change("swizzle-changed", right, f"({right.text} + 1)")


# --- comparisons and arithmetic --------------------------------------------------------

_COMPARED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_LOGIC = {"&&": "||", "||": "&&"}
_ARITHMETIC = {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "<<": ">>", ">>": "<<"}
_ASSIGNED = {"+=": "-=", "-=": "+=", "/=": "*=", "<<=": ">>=", ">>=": "<<="}


def comparison(node: Node) -> Changes:
    """`<` ↔ `<=`, `==` ↔ `!=`, `&&` ↔ `||`, and arithmetic: `+` ↔ `-`, `*` → `+`, `/` → `*`."""
    sign = node.part("operator")
    if sign is None or _is_size(node):
        return
    for name, table in (("compare", _COMPARED), ("logic", _LOGIC), ("arithmetic", _ARITHMETIC)):
        if sign.text in table:
            yield _change(name, sign, table[sign.text])
    if node.kind == "assignment_expression" and sign.text in _ASSIGNED:
        yield _change("arithmetic", sign, _ASSIGNED[sign.text])


_INTEGER = re.compile(r"(-?(?:0[xX][0-9a-fA-F']+|0|[1-9][0-9']*))[uUlLzZ]*")


def constant(node: Node) -> Changes:
    """An integer constant: one more, one less."""
    value = _value(node)
    if value is None or _is_size(node) or _is_special_argument(node):
        return
    suffix = node.text[len(node.text.rstrip("uUlLzZ")) :]
    write = hex if node.text[:2].lower() == "0x" else str
    for other in _around(value):
        yield _change("constant", node, write(other) + suffix)


_WIDE = frozenset(
    {"size_t", "int64_t", "uint64_t", "ptrdiff_t", "std::size_t", "std::int64_t", "long long"}
    | {"unsigned long long", "long", "unsigned long"}
)


def narrow_cast(node: Node) -> Changes:
    """A 64-bit cast becomes one to int: an index overflows."""
    target = None
    if node.kind == "cast_expression":
        target = node.part("type")
    elif function := node.part("function"):
        target = function
        if function.kind == "template_function" and function.text.startswith("static_cast"):
            arguments = function.first("template_argument_list")
            target = arguments.inner()[0] if arguments and arguments.inner() else None
    if target and target.text in _WIDE:
        yield _change("int32", target, "int")


def narrow_variable(node: Node) -> Changes:
    """A 64-bit variable becomes an int: an index overflows."""
    kind = node.part("type")
    pointer = any(child.kind == "pointer_declarator" for child in node.walk())
    if kind and kind.text in _WIDE and not pointer:
        yield _change("int32", kind, "int")


# --- floating point ----------------------------------------------------------------------

_INFINITE = re.compile(
    r"INFINITY|(?:FLT|DBL)_MAX|HUGE_VALF?|CUDART_INF(?:_F)?|CUDART_MAX_NORMAL_F"
    r"|(?:std::)?numeric_limits<\w+>::(?:infinity|max|lowest)\(\)|__int_as_float\(0x\w+\)"
    r"|-?\d+(?:\.\d*)?[eE]\+?[23]\d[fF]?"
)
_EXPONENTIAL = re.compile(r"_*(?:exp|exp2|exp10)f?|ex2\w*")


def identity(node: Node) -> Changes:
    """The start of a maximum or a minimum, ∓infinity, becomes 0."""
    if not _INFINITE.fullmatch(node.text):
        return
    sign = node.parent
    signed = sign is not None and sign.kind == "unary_expression"
    yield _change("identity", sign if signed and sign else node, "0")


def accumulator(node: Node) -> Changes:
    """A sum is kept in a lower precision: double in float, float in half."""
    left, right = node.part("left"), node.part("right")
    sign = node.part("operator")
    if not left or not right or not sign:
        return
    kind = syntax.declared_type(node.within("function_definition"), syntax.name_of(left))
    into = {"double": "float({})", "float": "__half2float(__float2half({}))"}.get(kind)
    if into is None:
        return
    fused = right.kind == "call_expression" and re.fullmatch(r"_*fmaf?(?:_rn)?", _called(right))
    if sign.text == "+=":
        total = into.format(f"{left.text} + ({right.text})")
        yield _change("accumulator", node, f"{left.text} = {total}")
    elif sign.text == "=" and fused and left.text in [a.text for a in _arguments(right)]:
        yield _change("accumulator", right, into.format(right.text))


def max_subtract(node: Node) -> Changes:
    """`exp(x - m)` loses its maximum."""
    arguments = _arguments(node)
    if _EXPONENTIAL.fullmatch(_called(node)) and arguments:
        left, sign, _ = _binary(arguments[0])
        if left and sign == "-":
            yield Change("max-subtract", (Edit(left.end, arguments[0].end, ""),))


def rescale(node: Node) -> Changes:
    """An online sum is no longer rescaled: `l *= scale`, `l * exp(m - new)`."""
    left, sign, right = _binary(node)
    if not left or not right:
        return
    if sign == "*=":
        yield _change("rescale", node, left.text)
    elif sign == "*":
        for factor, other in ((left, right), (right, left)):
            if factor.kind == "call_expression" and _EXPONENTIAL.fullmatch(_called(factor)):
                yield _change("rescale", node, other.text)


# --- speed: equal results, more time ---------------------------------------------------------


def padding(node: Node) -> Changes:
    """The padding of a shared tile's row is dropped: `[TILE + 1]`, `[33]`."""
    size = node.part("size")
    declaration = node.within("declaration")
    qualifiers = [child.text for child in declaration.children] if declaration else []
    if not size or "__shared__" not in qualifiers:
        return
    left, sign, right = _binary(size)
    value = _value(size)
    if left and right and sign == "+":
        yield Change("padding", (Edit(left.end, size.end, ""),))
    elif value and value % 2:
        yield _change("padding", size, str(value - 1))


_VECTOR = re.compile(r"(float|double|int|uint)([24])")
_SCALAR = {"uint": "unsigned"}


def vector(node: Node) -> Changes:
    """A vector load or store becomes one for each of its elements."""
    place = _vector_place(node)
    if place is None:
        return
    match, address = place
    kind, count = _SCALAR.get(match[1], match[1]), int(match[2])
    parent = node.parent
    if parent and parent.kind == "assignment_expression" and node.role == "left":
        right, statement = parent.part("right"), parent.parent
        if right and statement and statement.kind == "expression_statement":
            stores = " ".join(f"p_[{n}] = v_.{'xyzw'[n]};" for n in range(count))
            head = f"{{ {match[0]} v_ = {right.text}; auto p_ = ({kind}*)({address});"
            yield _change("vector-width", statement, f"{head} {stores} }}")
    elif parent and parent.kind != "pointer_expression":
        loads = ", ".join(f"((const {kind}*)({address}))[{n}]" for n in range(count))
        yield _change("vector-width", node, f"make_{match[0]}({loads})")


def _vector_place(node: Node) -> tuple[re.Match[str], str] | None:
    """Return a vector's type and its address, of `*(float4*)p` or `((float4*)p)[i]`."""
    if node.kind == "pointer_expression" and node.text.startswith("*"):
        pointer, offset = node.part("argument"), ""
    elif node.kind == "subscript_expression":
        pointer, indices = node.part("argument"), node.part("indices")
        offset = indices.text[1:-1] if indices else ""
    else:
        return None
    while pointer and pointer.kind == "parenthesized_expression":
        pointer = pointer.inner()[0]
    cast = _pointer_cast(pointer)
    match = _VECTOR.fullmatch(cast[0]) if cast else None
    if not match or not cast:
        return None
    address = f"({match[0]}*)({cast[1]}) + ({offset})" if offset else cast[1]
    return match, address


def _pointer_cast(node: Node | None) -> tuple[str, str] | None:
    """Return what `node` casts to, without `const` and `*`, and what it casts."""
    kind: Node | None = None
    value: Node | None = None
    if node and node.kind == "cast_expression":
        kind, value = node.part("type"), node.part("value")
    elif node and node.kind == "call_expression" and node.text.startswith("reinterpret_cast<"):
        function = node.part("function")
        arguments = function.first("template_argument_list") if function else None
        kind = arguments.inner()[0] if arguments else None
        value = _arguments(node)[0] if _arguments(node) else None
    if not kind or not value or not kind.text.endswith("*"):
        return None
    return re.sub(r"\bconst\b|[\s*]", "", kind.text), value.text


# --- small questions ---------------------------------------------------------------------------


def _called(node: Node) -> str:
    """Return the last name of what a call calls: `sync` of `block.sync()`; empty if no call."""
    function = node.part("function") if node.kind == "call_expression" else None
    if function is None:
        return ""
    if function.kind == "field_expression":
        name = function.part("field")
        return name.text if name else ""
    return re.sub(r"<.*", "", function.text, flags=re.DOTALL).split("::")[-1].strip()


def _arguments(node: Node) -> tuple[Node, ...]:
    arguments = node.part("arguments")
    return arguments.inner() if arguments else ()


def _binary(node: Node) -> tuple[Node | None, str, Node | None]:
    """Return left side, sign and right side of a binary expression or an assignment."""
    if node.kind not in ("binary_expression", "assignment_expression"):
        return None, "", None
    sign = node.part("operator")
    return node.part("left"), sign.text if sign else "", node.part("right")


def _dotted(node: Node) -> tuple[str, str]:
    if node.kind != "field_expression":
        return "", " "
    name, axis = node.part("argument"), node.part("field")
    return (name.text if name else "", axis.text if axis else " ")


def _value(node: Node) -> int | None:
    """Return the value of an integer constant, None of anything else."""
    match = _INTEGER.fullmatch(node.text)
    return int(match[1].replace("'", ""), 0) if match else None


def _around(value: int) -> tuple[int, ...]:
    return (value + 1, value - 1) if value else (value + 1,)


def _one_more_or_less(operator: str, node: Node) -> Changes:
    value = _value(node)
    if value is not None:
        for other in _around(value):
            yield _change(operator, node, str(other))
        return
    text = node.text if re.fullmatch(r"[\w.]+", node.text) else f"({node.text})"
    for sign in "+-":
        yield _change(operator, node, f"({text} {sign} 1)")


def _swap(operator: str, one: Node, other: Node) -> Change:
    edits = (Edit(one.start, one.end, other.text), Edit(other.start, other.end, one.text))
    return Change(operator, edits)


def _bytes(node: Node) -> Changes:
    for sign in "+-":
        yield _change("expected-bytes", node, f"({node.text}) {sign} 16")


def _is_dim3(node: Node, function: Node | None) -> bool:
    if node.kind == "identifier":
        return syntax.declared_type(function, node.text) == "dim3"
    return bool(re.match(r"dim3\s*[({]", node.text))


def _is_size(node: Node) -> bool:
    """Return whether a constant is a size in a declaration or a template: no index."""
    below, above = node, node.parent
    while above and above.kind in ("binary_expression", "parenthesized_expression"):
        below, above = above, above.parent
    if above is None:
        return False
    lists = ("template_argument_list", "template_parameter_list", "launch_bounds")
    return above.kind in lists or (above.kind == "array_declarator" and below.role == "size")


def _is_special_argument(node: Node) -> bool:
    """Return whether another operator changes this constant already, or where it sits."""
    above = node.parent
    if above is None or above.kind == "kernel_call_syntax":
        return above is not None
    declaration = node.within("declaration")
    kind = declaration.part("type") if declaration else None
    call = above.parent
    called = _called(call) if above.kind == "argument_list" and call else ""
    special = re.match(r"__(?:shfl|ballot|any|all|reduce)\w*_sync|__pipeline_wait_prior", called)
    return bool(special) or called == "dim3" or (kind is not None and kind.text == "dim3")


def _asm_text(node: Node) -> str:
    pieces = [piece for piece in node.children if "string" in piece.kind]
    return " ".join(inner.text for piece in pieces for inner in piece.walk() if not inner.children)


def _asm_operands(node: Node) -> list[Node]:
    kinds = ("gnu_asm_output_operand", "gnu_asm_input_operand")
    operands = [piece for piece in node.walk() if piece.kind in kinds]
    return [operand.inner()[-1] for operand in operands if operand.inner()]


def _operand_count(operands: list[Node], number: int) -> Changes:
    if number < len(operands):
        yield from _one_more_or_less("wait-count", operands[number])


OPERATORS: dict[str, tuple[Callable[[Node], Changes], ...]] = {
    "kernel_call_syntax": (launch,),
    "declaration": (dimensions, narrow_variable),
    "field_expression": (index,),
    "function_definition": (coalescing,),
    "expression_statement": (ordering,),
    "type_qualifier": (qualifier,),
    "call_expression": (
        dimensions,
        atomic,
        shuffle,
        wait_count,
        expected_bytes,
        narrow_cast,
        identity,
        max_subtract,
    ),
    "compound_literal_expression": (dimensions,),
    "cast_expression": (narrow_cast,),
    "gnu_asm_expression": (assembly,),
    "binary_expression": (parity, swizzle, comparison, rescale),
    "assignment_expression": (parity, comparison, accumulator, rescale),
    "number_literal": (constant, identity),
    "identifier": (identity,),
    "array_declarator": (padding,),
    "pointer_expression": (vector,),
    "subscript_expression": (vector,),
}
"""By kind of node: the operators that look at it."""
