"""SVG: what is harmless goes in, everything else is a problem with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from warpdeck.figures import load

HERE = Path(__file__).parent


def made(tmp_path: Path, inside: str, root: str = 'viewBox="0 0 9 9"') -> tuple[str, list[str]]:
    path = tmp_path / "f.svg"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {root}>\n{inside}\n</svg>', "utf-8")
    svg, problems = load(path, "f.svg")
    assert bool(svg) != bool(problems)
    return svg, list(map(str, problems))


def test_good_figure_is_kept_and_its_ids_are_its_own() -> None:
    path = HERE / "samples/good/figures/warp.svg"
    svg, problems = load(path, "source/a/figures/warp.svg")
    other, _ = load(path, "source/b/figures/warp.svg")
    assert problems == []
    prefix = svg.split('<linearGradient id="')[1].split("-g")[0]
    assert f'fill="url(#{prefix}-g)"' in svg and f'href="#{prefix}-r"' in svg
    assert prefix not in other
    assert "a &lt; <tspan>{b}</tspan> <tspan>::c}}</tspan>" in svg, "a space between words stays"
    assert 'width="340"' not in svg and 'viewBox="0 0 340 60"' in svg
    assert "\n" not in svg


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<script>x</script>", "f.svg:2:1: <script> is not allowed in a figure."),
        ("<g>\n中<foreignObject/></g>", "f.svg:3:2: <foreignObject> is not allowed in a figure."),
        ("<style>a{}</style>", "f.svg:2:1: <style> is not allowed in a figure."),
        ('<image href="data:x"/>', "f.svg:2:1: <image> is not allowed in a figure."),
        ("<animate/>", "f.svg:2:1: <animate> is not allowed in a figure."),
        ("<a href='#x'/>", "f.svg:2:1: <a> is not allowed in a figure."),
        ("<rct/>", "f.svg:2:1: <rct> is not allowed in a figure. Did you mean 'rect'?"),
        ('<g onload="x"/>', "f.svg:2:1: attribute 'onload' is not allowed in a figure."),
        (
            '<g filll="x"/>',
            "f.svg:2:1: attribute 'filll' is not allowed in a figure. Did you mean 'fill'?",
        ),
        (
            '<use href="https://e.org/x.svg#a"/>',
            "f.svg:2:1: 'https://e.org/x.svg#a' is outside this figure.",
        ),
        (
            '<use xlink:href="jav&#x61;script:x"/>',
            "f.svg:2:1: 'javascript:x' is outside this figure.",
        ),
        (
            '<g fill="url(https://e.org/x)"/>',
            "f.svg:2:1: 'url(https://e.org/x)' is outside this figure.",
        ),
        (
            '<g fill="URL(https://e.org/x)"/>',
            "f.svg:2:1: 'URL(https://e.org/x)' is outside this figure.",
        ),
        (
            '<g fill="url(https://e.org/x"/>',
            "f.svg:2:1: 'url(https://e.org/x' is outside this figure.",
        ),
        ('<g fill="u\\72l(x)"/>', "f.svg:2:1: 'u\\72l(x)' is outside this figure."),
        ('<g style="a:url(#b),url(c)"/>', "f.svg:2:1: 'a:url(#b),url(c)' is outside this figure."),
        (
            "<g style=\"background:image-set('x')\"/>",
            "f.svg:2:1: 'background:image-set('x')' is outside",
        ),
        (
            '<g style="width:expression(x)"/>',
            "f.svg:2:1: 'width:expression(x)' is outside this figure.",
        ),
        ("<g style=\"@import 'x'\"/>", "f.svg:2:1: '@import 'x'' is outside this figure."),
        ('<g style="fill:u/**/rl(x)"/>', "f.svg:2:1: 'fill:u/**/rl(x)' is outside this figure."),
        ("<g>", "f.svg:3:3: not XML: mismatched tag. Mend it."),
        ("&nope;", "f.svg:2:1: not XML: undefined entity. Mend it."),
        ('<g xlink:role="x"/>', "f.svg:2:1: attribute 'xlink:role' is not allowed in a figure."),
    ],
)
def test_dangerous_or_broken_figure(tmp_path: Path, inside: str, said: str) -> None:
    problems = made(tmp_path, inside)[1]
    assert any(problem.startswith(said) for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<svg/>", "f.svg:1:1: the figure has no viewBox."),
        ("<div/>", "f.svg:1:1: the root is <div>. A figure is one <svg>."),
        ("", "f.svg:1:1: not XML: no element found. Mend it."),
        ("\xff", "f.svg:1:1: byte 0xff is not UTF-8. Save the file as UTF-8."),
        (
            '<!DOCTYPE s [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>\n<svg viewBox="0 0 1 1">&b;</svg>',
            "f.svg:1:13: a figure has no DOCTYPE. Remove it.",
        ),
    ],
)
def test_file_that_is_no_figure(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "f.svg").write_bytes(text.encode("latin-1"))
    svg, problems = load(tmp_path / "f.svg", "f.svg")
    assert svg == "" and str(problems[0]).startswith(said)


def test_entities_that_grow_without_end_are_stopped(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE s [<!ENTITY e0 "aaaaaaaaaa">{levels}]><svg viewBox="0 0 1 1">&e11;</svg>'
    (tmp_path / "f.svg").write_text(text)
    assert load(tmp_path / "f.svg", "f.svg")[0] == ""


def test_text_and_attributes_are_escaped(tmp_path: Path) -> None:
    inside = "<text aria-label='\"&gt;&lt;script>'><![CDATA[<b>&]]></text><!-- gone --><?gone?>"
    svg, _ = made(tmp_path, inside)
    assert '<text aria-label="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;</text>' in svg
    assert "gone" not in svg


def test_colours_transforms_and_variables_are_harmless(tmp_path: Path) -> None:
    inside = (
        '<g style="fill:var(--wd-accent);opacity:.5" transform="rotate(45) scale(2)">'
        '<path d="M0 0L1 1" fill="rgb(1, 2, 3)" marker-end="url( \'#m\' )"/></g>'
    )
    assert "url(#" in made(tmp_path, inside)[0]
