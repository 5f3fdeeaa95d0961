"""The gallery: every card as Anki shows it, pages that need nothing but a browser."""

from __future__ import annotations

import html
import json
import re
import signal
import sys
import webbrowser
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import anki.lang
import ankibox
import pytest
from anki import buildinfo, import_export_pb2
from worktree import ROOT, Tree

from warpdeck import markup, note_types, report, workspace
from warpdeck.cli import main
from warpdeck.model import RenderedNote
from warpdeck.preview import anki_backend, data, serve, template
from warpdeck.preview.cards import cards_of, own_renderer, plain
from warpdeck.preview.gallery import Gallery, Site
from warpdeck.preview.maths import to_mathml
from warpdeck.progress import Reporter
from warpdeck.render import Renderer
from warpdeck.resolve import in_percent, shown_case

TYPES = {kind.id: kind for kind in note_types.note_types("warpdeck").values()}
EN = "source/basics/en.md"
CLOZE = next(kind for kind in TYPES.values() if kind.cloze)


def made(root: Path, **options: bool) -> Site:
    with Gallery(root, **options) as gallery:
        site, problems = gallery.make()
    assert problems == []
    assert site
    return site


@pytest.fixture(scope="module")
def site() -> Site:
    """The site of our own decks."""
    return made(ROOT)


@pytest.fixture(scope="module")
def notes() -> list[RenderedNote]:
    """Every live note of our own decks, rendered."""
    found, _ = workspace.read(ROOT)
    assert found
    topics = [topic.name for topic in found.source.topics]
    rendered, problems = found.render(topics, found.source.project.languages, Reporter())
    assert problems == []
    return [note for note in rendered if not note.retired]


@pytest.fixture(scope="module")
def backend() -> Iterator[anki_backend.AnkiRenderer]:
    with anki_backend.opened(TYPES.values()) as renderer:
        assert renderer
        yield renderer


def value(site: Site, name: str) -> Any:
    """Return what a data file hands over."""
    text = site.files[f"data/{name}.js"].decode()
    match = re.fullmatch(r'warpdeckData\("([^"]+)",(.*)\);\n', text, re.DOTALL)
    assert match and match[1] == name
    return json.loads(match[2])


def sides(site: Site, language: str) -> dict[tuple[str, int], tuple[str, str]]:
    """Return the two sides of every card of a language, put together as the page does."""
    found = {}
    for path in site.files:
        if match := re.fullmatch(rf"data/(cards\..*\.{language})\.js", path):
            for note, ordinal, front, same, rest, _ in value(site, match[1]):
                kept = front.encode("utf-16-le")[: 2 * same].decode("utf-16-le")
                found[note, ordinal] = (front, kept + rest)
    return found


# --- cards -----------------------------------------------------------------------


def test_our_renderer_makes_of_every_card_what_anki_makes(
    notes: list[RenderedNote], backend: anki_backend.AnkiRenderer
) -> None:
    own = own_renderer(TYPES)
    faces = [(note, ordinal) for note in notes for ordinal in note.ordinals]
    assert len(faces) > 300
    differing = [
        f"{note.id}/{note.language}/{ordinal}"
        for note, ordinal in faces
        if backend.face(note, ordinal) != own(note, ordinal)
    ]
    assert differing == []


@pytest.mark.parametrize(
    "text",
    [
        "a {{c1::b::hint}} c {{c2::d}}",
        "{{c1::<code>x &lt; \"y\" 'z'; é × 中</code>}} {{c2::q\nr}}",
        "{{c2::<b>x</b> {{c1::in}} y}} {{c1::out::a <i>hint</i>}}",
        r'<span class="arithmatex">\(2^&#123;{{c1::<b>10</b> &lt; 3}}&#125;\)</span> {{c2::z}}',
        "{{c1,2::two}} {{c1::}} {{c2::a::}} }} {{not}}",
        "{{c1::x}} {{c2::y}} {{c2::never {{c1::closed}} z",
    ],
)
def test_blanks_are_hidden_as_anki_hides_them(
    text: str, notes: list[RenderedNote], backend: anki_backend.AnkiRenderer
) -> None:
    like = next(note for note in notes if note.note_type == CLOZE.id)
    note = replace(like, fields=(text, *like.fields[1:]))
    own = own_renderer(TYPES)
    for ordinal in (0, 1):
        assert own(note, ordinal) == backend.face(note, ordinal)


def test_conditions_and_front_side_are_filled_in_as_anki_does(
    notes: list[RenderedNote],
) -> None:
    front = "{{#Title}}t{{#Extra}}e{{/Extra}}{{/Title}}{{^Title}}none{{/Title}}|{{cloze:Text}}"
    kind = replace(
        CLOZE,
        templates=(replace(CLOZE.templates[0], front=front, back="{{FrontSide}}·{{cloze:Text}}"),),
    )
    like = next(note for note in notes if note.note_type == CLOZE.id)
    own = own_renderer({kind.id: kind})
    with anki_backend.opened([kind]) as renderer:
        assert renderer
        for title in ("", " <br> ", "<div></div>", "&nbsp;", "T"):
            note = replace(like, fields=("{{c1::a}}", title, *like.fields[2:]))
            assert own(note, 0) == renderer.face(note, 0), title


@pytest.mark.parametrize(
    "broken", ["{{Nothing}}", "{{hint:Text}}", "{{#Text}}", "{{/Text}}", "{{#Text}}{{/Title}}"]
)
def test_a_template_that_we_cannot_fill_in_is_refused(broken: str) -> None:
    kind = replace(CLOZE, templates=(replace(CLOZE.templates[0], front=broken),))
    fields = {field.name: "x" for field in kind.fields}
    with pytest.raises(ValueError, match=r"."):
        template.face(kind, fields, 0)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_card_that_an_import_gives_is_in_the_site(
    language: str, site: Site, tree: Tree, box: ankibox.AnkiBox
) -> None:
    tree.build("--locked")
    box.load(tree.package(f"warpdeck-{language}.apkg"))
    imported = {}
    for face in box.faces():
        id_ = re.search(r'class="wd-id">([^<]*)<', face.back)
        assert id_
        imported[id_[1], face.ordinal] = (face.front, face.back)
    shown = sides(site, language)
    assert shown.keys() == imported.keys()
    for key, ours in shown.items():
        for mine, theirs in zip(ours, imported[key], strict=True):
            assert plain(re.sub(r"<math.*?</math>|<input[^>]*>", "", mine)) == plain(
                re.sub(
                    r"\\\(.*?\\\)|\\\[.*?\\\]|\[\[type:\w+\]\]", "", _without_typed(theirs, mine)
                )
            ), key


# What Anki leaves to MathJax, and its box to type into.
_UNLIKE = re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]|\[\[type:\w+\]\]")


def _without_typed(theirs: str, mine: str) -> str:
    """Return Anki's side with the expected answer where ours has it."""
    typed = re.search(r'<code id="typeans">.*?</code>', mine)
    return re.sub(r"\[\[type:\w+\]\]", lambda _: typed[0], theirs) if typed else theirs


def test_card_is_typed_into_and_shows_what_was_expected(site: Site) -> None:
    (row,) = [
        row
        for row in value(site, "cards.programming-model.en")
        if row[0] == "prog-non-blocking-flag"
    ]
    assert '<input id="typeans"' in row[2]
    assert row[5] == "cudaStreamNonBlocking"
    assert '<code id="typeans">cudaStreamNonBlocking</code>' in row[4]


def test_site_is_the_same_with_and_without_anki(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anki_backend, "collection", None)
    assert made(ROOT).files == site.files


def test_lists_name_cards_by_what_they_ask(site: Site) -> None:
    titles = {(note, ordinal): title for note, ordinal, *_, title in value(site, "index.en")}
    found, _ = workspace.read(ROOT)
    assert found
    for note in found.source.notes:
        if note.language == "en" and note.kind.value == "question":
            written = re.sub(r"[`$*\\]", "", markup.unpadded(note.heading))
            assert titles[note.id, 0].replace("\\", "")[:30] == written[:30]
    assert all(title.strip() for title in titles.values())
    clozes = [row for row in value(site, "index.en") if row[3] == "cloze"]
    assert any("[...]" in row[5] for row in clozes)


def test_search_text_holds_question_and_answer(site: Site) -> None:
    texts = dict(value(site, "search.zh"))
    assert texts.keys() == {note for note, *_ in value(site, "index.zh")}
    for (note, _), (_, back) in sides(site, "zh").items():
        words = re.findall(r"[一-鿿]{4,}", plain(re.sub(r"<math.*?</math>", "", back)))
        assert all(word in texts[note] for word in words), note


# --- maths ------------------------------------------------------------------------


def test_every_formula_of_the_decks_is_shown(site: Site) -> None:
    for language in ("zh", "en"):
        shown = [side for pair in sides(site, language).values() for side in pair]
        assert sum("<math" in side for side in shown) > 5
        assert [side for side in shown if 'class="tex"' in side or "\\(" in side] == []


def test_formula_that_is_unknown_stays_tex() -> None:
    assert to_mathml(r"a \(\unknowncommand &lt; 1\) b") == (
        r'a <code class="tex">\unknowncommand &lt; 1</code> b'
    )
    assert "<mi>x</mi>" in to_mathml(r"\(x\)")
    assert 'display="block"' in to_mathml(r"\[x\]")


# --- data -------------------------------------------------------------------------


def test_nothing_in_a_note_ends_a_data_file(notes: list[RenderedNote]) -> None:
    hostile = 'a</script><!--<template></template>\u2028\u2029"\\ ${x} 😀'
    like = next(note for note in notes if note.kind == "question" and note.language == "en")
    kind = TYPES[like.note_type]
    note = replace(like, fields=(hostile, "", hostile, *like.fields[3:]))
    cards = cards_of(note, kind, own_renderer(TYPES))
    for path, content in data.files(cards).items():
        text = content.decode()
        assert "<" not in text, path
        assert not {"\u2028", "\u2029"} & {*text}
        rows = json.loads(text.partition(",")[2].removesuffix(");\n"))
        assert len(rows) == 1
    ((_, _, front, same, rest, _),) = json.loads(
        data.files(cards)[f"data/cards.{note.topic}.en.js"].decode().partition(",")[2][:-3]
    )
    kept = front.encode("utf-16-le")[: 2 * same].decode("utf-16-le")
    assert (front, kept + rest) == (cards[0].front, cards[0].back)


def test_sixteen_hundred_notes_stay_below_fifteen_megabytes(
    site: Site, notes: list[RenderedNote]
) -> None:
    many = enumerate(islice(cycle(notes), 1600))
    cards = [
        replace(card, note=f"{card.note}-{copy}", topic=f"{card.topic}-{copy // len(notes)}")
        for copy, note in many
        for card in cards_of(note, TYPES[note.note_type], own_renderer(TYPES))
    ]
    assert len({(card.note, card.language) for card in cards}) == 1600
    assert sum(map(len, data.files(cards).values())) < 15e6


# --- the learner's page --------------------------------------------------------------


@pytest.mark.parametrize(("language", "page"), [("zh", "index.html"), ("en", "index.en.html")])
def test_learners_page_holds_the_figures_of_report_and_receipts(
    language: str, page: str, site: Site
) -> None:
    shown = site.files[page].decode()
    found, _ = workspace.read(ROOT)
    assert found
    rows = re.findall(r'<tr><th scope="row">([^<]+)<span>.*?</tr>', shown)
    counted = report.make(found.source, found.kernels, found.receipts)
    mine = [count for count in counted.topics if count.language == language]
    assert rows == [count.deck.rsplit("::", 1)[-1] for count in mine]
    for count in mine:
        numbers = [count.notes, count.cards, *(count.levels.get(n, 0) for n in "123")]
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        assert cells in shown
    kernels = {kernel.name: kernel for kernel in found.kernels}
    measured = [receipt for receipt in found.receipts if receipt.versions]
    assert len(measured) > 1
    for receipt in measured:
        for version in receipt.versions:
            case = shown_case(version, kernels[receipt.kernel].shape)
            assert case and in_percent(case.ratio_to_limit or 0) in shown
        assert receipt.gpu in shown and receipt.date in shown


@pytest.mark.parametrize("language", ["zh", "en"])
def test_import_settings_are_named_as_anki_names_them(language: str) -> None:
    said = json.loads((ROOT / "warpdeck/preview/site/anki.json").read_text("utf-8"))
    year, month, *_ = buildinfo.version.split(".")
    assert said["version"] == f"{year}.{int(month)}"
    before = anki.lang.current_lang
    anki.lang.set_lang({"zh": "zh-CN", "en": "en"}[language])
    try:
        words = anki.lang.tr_legacyglobal
        expected = {
            "file": re.sub(r"&|\(&\w\)", "", words.qt_accel_file()),
            "import": words.actions_import(),
            "if_newer": words.importing_update_if_newer(),
            "update_notes": words.importing_update_notes(),
            "update_notetypes": words.importing_update_notetypes(),
            "merge_notetypes": words.importing_merge_notetypes(),
            "also_import_progress": words.importing_also_import_progress(),
            "with_deck_configs": words.importing_with_deck_configs(),
        }
    finally:
        anki.lang.set_lang(before)
    assert said["words"][language] == expected


def test_settings_to_keep_are_ankis_defaults(box: ankibox.AnkiBox) -> None:
    presets = box.col._backend.get_import_anki_package_presets()
    if_newer = import_export_pb2.IMPORT_ANKI_PACKAGE_UPDATE_CONDITION_IF_NEWER
    assert presets.update_notes == presets.update_notetypes == if_newer
    assert not presets.merge_notetypes
    assert not presets.with_scheduling
    assert not presets.with_deck_configs


def test_what_the_page_says_of_tags_flags_and_suspending_is_so(
    tree: Tree, box: ankibox.AnkiBox
) -> None:
    assert tree.run("release").returncode == 0
    box.load(tree.package("warpdeck-en.apkg"))
    path = tree.folder / "source" / "memory-hierarchy" / "en.md"
    text = path.read_text("utf-8")
    changed_id = re.search(r"^## [^{\n]+\{#([\w-]+)", text, re.M)
    assert changed_id
    changed = box.col.find_notes(f'"Note ID:{changed_id[1]}"')[0]
    other = next(n for n in box.col.find_notes("") if n != changed)
    for note_id in (changed, other):
        note = box.col.get_note(note_id)
        note.tags.append("mine")
        box.col.update_note(note)
    cards = box.col.get_note(changed).card_ids()
    box.col.set_user_flag_for_cards(3, cards)
    box.col.sched.suspend_cards(cards)
    path.write_text(re.sub(r"^(## [^{\n]+?)( ?\{#)", r"\1 (edited)\2", text, count=1, flags=re.M))
    with pytest.MonkeyPatch.context() as patch:  # released after the learner's tag
        patch.setenv("SOURCE_DATE_EPOCH", str(box.col.get_note(changed).mod + 60))
        tree.build()
    assert box.load(tree.package("warpdeck-en.apkg")).updated == 1
    assert "mine" not in box.col.get_note(changed).tags
    assert "mine" in box.col.get_note(other).tags
    for card_id in cards:
        card = box.col.get_card(card_id)
        assert (card.user_flag(), card.queue) == (3, -1)


def test_pages_ask_for_nothing_outside(site: Site) -> None:
    for path, content in site.files.items():
        if not path.endswith((".html", ".css")):
            continue
        text = html.unescape(content.decode())
        loads = re.findall(r'(?:src|href)="([^"#]+)"|url\(([^)]+)\)|@import\s+(\S+)', text)
        for address in ("".join(groups) for groups in loads):
            is_link = (
                f'<a href="{address}"' in text
                or f'<a class="button second" href="{address}"' in text
            )
            assert is_link or address in site.files, (path, address)
        if path.endswith(".html"):
            assert "default-src 'none'" in text
            assert "connect-src 'none'" in text


# --- the command ---------------------------------------------------------------------


def state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_preview_writes_the_site_and_nothing_else(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(project)
    assert main(["preview"], root=project) == 0
    assert "dist/preview/index.html" in capsys.readouterr().out
    after = state(project)
    written = {path: content for path, content in after.items() if path not in before}
    assert {path: after[path] for path in before} == before
    assert all(path.startswith("dist/preview/") for path in written)
    expected = made(project).files
    assert {path.removeprefix("dist/preview/"): c for path, c in written.items()} == expected
    assert "source/notes.lock" not in after


def test_preview_again_drops_what_is_no_more(project: Path) -> None:
    main(["preview"], root=project)
    (project / "dist/preview/old.html").write_text("old")
    assert main(["preview"], root=project) == 0
    assert not (project / "dist/preview/old.html").exists()
    assert [path.name for path in (project / "dist").iterdir()] == ["preview"]


def test_problem_leaves_the_old_site(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["preview"], root=project)
    before = state(project / "dist")
    path = project / EN
    path.write_text(path.read_text("utf-8").replace(":add}}", ":ad}}"), "utf-8")
    assert main(["preview"], root=project) == 1
    assert re.search(r"^source/\S+/en.md:\d+:\d+: .*anchor 'ad'", capsys.readouterr().err, re.M)
    assert state(project / "dist") == before


def test_stale_code_is_shown_as_unverified_if_asked(project: Path) -> None:
    code = project / "kernels/vector-add/vector-add.cu"
    code.write_text(code.read_text().replace("i < n", "i <= n"))
    assert main(["preview"], root=project) == 1
    assert main(["preview", "--allow-stale"], root=project) == 0
    shown = (project / "dist/preview").rglob("cards.*.en.js")
    assert any("wd-unverified" in path.read_text("utf-8") for path in shown)


def test_serving_without_its_libraries_says_how_to_install_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "warpdeck.preview.serve", raising=False)
    monkeypatch.delattr("warpdeck.preview.serve", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["preview", "--serve"], root=project) == 1
    assert "pip install -e .[serve]" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "x", "８０"])
def test_port_that_is_none_is_wrong_usage(project: Path, port: str) -> None:
    assert main(["preview", "--serve", f"--port={port}"], root=project) == 2


# --- what is made again ----------------------------------------------------------------


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the notes that were really rendered, in order."""
    ids: list[str] = []
    real = Renderer.render

    def spy(self: Renderer, note: Any) -> Any:
        ids.append(f"{note.id}/{note.language}")
        return real(self, note)

    monkeypatch.setattr(Renderer, "render", spy)
    return ids


def test_only_the_note_that_changed_is_rendered_again(project: Path, rendered: list[str]) -> None:
    path = project / EN
    with Gallery(project) as gallery:
        gallery.make()
        assert len(rendered) == 6
        rendered.clear()
        gallery.make()
        assert rendered == []
        path.write_text(path.read_text("utf-8").replace("32. [@", "Thirty-two. [@"), "utf-8")
        changed, problems = gallery.make()
        assert problems == []
        assert rendered == ["bas-warp-size/en"]
    assert changed
    assert changed.files == made(project).files


def test_note_that_moved_is_not_rendered_but_its_problems_move(
    project: Path, rendered: list[str]
) -> None:
    path = project / EN
    text = path.read_text("utf-8")
    with Gallery(project) as gallery:
        gallery.make()
        rendered.clear()
        path.write_text(text.replace("## How", "\n\n\n## How", 1), "utf-8")
        gallery.make()
        assert rendered == []
        broken = text.replace(":add}}", ":ad}}", 1)
        path.write_text(broken, "utf-8")
        _, first = gallery.make()
        path.write_text(broken.replace("## How", "\n\n\n## How", 1), "utf-8")
        _, second = gallery.make()
    assert [p.at.line + 3 for p in first if p.at.path.endswith("en.md")] == [
        p.at.line for p in second if p.at.path.endswith("en.md")
    ]
    assert first


def test_change_of_code_renders_the_notes_that_show_it(project: Path, rendered: list[str]) -> None:
    with Gallery(project, allow_stale=True) as gallery:
        gallery.make()
        rendered.clear()
        code = project / "kernels/vector-add/vector-add.cu"
        code.write_text(code.read_text().replace("i < n", "i <= n"))
        changed, problems = gallery.make()
    assert problems == []
    assert sorted({name.split("/")[0] for name in rendered}) == ["bas-add", "bas-index"]
    assert changed
    assert changed.files == made(project, allow_stale=True).files


def test_style_is_read_again(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    with Gallery(ROOT) as gallery:
        first, _ = gallery.make()
        monkeypatch.setattr(note_types, "files", lambda _: tree.folder / "warpdeck")
        css = tree.folder / "warpdeck/styles/card.css"
        css.write_text(css.read_text("utf-8") + ".edited{}\n", "utf-8")
        second, _ = gallery.make()
    note_types.note_types.cache_clear()
    assert first and second
    changed = {path for path in first.files if first.files[path] != second.files[path]}
    assert changed == {"card.css", "data/version.js"}


# --- serving ----------------------------------------------------------------------------


def test_ctrl_c_is_awaited_from_the_line_that_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception anywhere could be lost, in a destructor say; a handler cannot."""
    handlers, opened = list[object](), list[str]()

    def say(line: str, **_: object) -> None:
        if "Ctrl-C" in line:
            handlers.append(signal.getsignal(signal.SIGINT))
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(serve, "print", say, raising=False)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    try:
        address = serve.Address("127.0.0.1", 0)
        assert serve.run(project, address, allow_stale=True, open_browser=True) == []
    except KeyboardInterrupt:  # pytest would end the whole run
        pytest.fail("Ctrl-C came through")
    assert handlers and signal.default_int_handler not in handlers
    assert len(opened) == 1 and opened[0].startswith("http://localhost:")
