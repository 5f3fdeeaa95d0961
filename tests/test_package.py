"""Packages hold what Anki expects, and are the same bytes everywhere."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest
from ankibox import fresh
from deckkit import BASIC, CLOZE, START, Project, basic, cloze

from warpdeck import package
from warpdeck.model import Deck, RenderedNote, StampedNote, StampedNoteType

TYPES = (StampedNoteType(BASIC, START), StampedNoteType(CLOZE, START + 7))


def stamped(*notes: RenderedNote) -> tuple[StampedNote, ...]:
    return tuple(
        StampedNote(note, (START - 1000 * i) * 1000, START + i, 100 * i)
        for i, note in enumerate(notes, 1)
    )


def sample() -> bytes:
    """A package with long texts, two decks that share a note type, and no tags in one note."""
    long = [basic(f"n{i}", back="<p>长" + f"answer {i} " * (i * 40), tags=()) for i in range(40)]
    zh = stamped(*[replace(n, guid=n.guid + "z") for n in long])
    shifted = tuple(replace(s, note_id=s.note_id - 10**9) for s in zh)
    decks = (
        Deck("Kit::en", stamped(*long, cloze("c", (12, 3, 1)), basic("r", reverse="x"))),
        Deck("Kit::zh", shifted),
    )
    return package.build(decks, TYPES)


def database(built: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(built)) as file:
        return file.read("collection.anki2")


def query(built: bytes, sql: str, tmp_path: Path) -> list[Any]:
    path = tmp_path / "collection.anki2"
    path.write_bytes(database(built))
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


# --- contents ---


def test_rows_carry_the_given_ids_times_and_positions(tmp_path: Path) -> None:
    note = StampedNote(cloze("a", (3, 1)), 1_600_000_000_000, START, 700)
    built = package.build([Deck("Kit", (note,))], TYPES)
    guid = note.note.guid
    assert query(built, "select id, guid, mid, mod, tags from notes", tmp_path) == [
        (1_600_000_000_000, guid, CLOZE.id, START, " kit ")
    ]
    assert query(built, "select id, nid, did, ord, mod, due from cards", tmp_path) == [
        (1_600_000_000_001, 1_600_000_000_000, package.deck_id("Kit"), 0, START, 700),
        (1_600_000_000_003, 1_600_000_000_000, package.deck_id("Kit"), 2, START, 700),
    ]


def test_note_types_have_constant_ids_and_their_own_mod(tmp_path: Path) -> None:
    ((models,),) = query(sample(), "select models from col", tmp_path)
    pairs = json.loads(models, object_pairs_hook=lambda pairs: pairs)
    assert [key for key, _ in pairs] == [str(BASIC.id), str(CLOZE.id)]
    stored = json.loads(models)
    assert [f["id"] for f in stored[str(BASIC.id)]["flds"]] == [101, 102, 103, 104]
    assert [t["id"] for t in stored[str(CLOZE.id)]["tmpls"]] == [211]
    assert stored[str(CLOZE.id)]["mod"] == START + 7


def test_decks_say_nothing_about_the_learners_settings(tmp_path: Path) -> None:
    ((decks,),) = query(sample(), "select decks from col", tmp_path)
    for deck in json.loads(decks).values():
        assert (deck["desc"], deck["conf"], deck["extendNew"], deck["extendRev"]) == ("", 1, 0, 0)


def test_deck_id_is_positive_with_13_digits() -> None:
    ids = {package.deck_id(f"Kit::{i}") for i in range(1000)}
    assert len(ids) == 1000
    assert all(len(str(i)) == 13 for i in ids)
    assert package.deck_id("Kit::en") == 1_434_314_491_431


def test_anki_computes_the_same_sort_field_and_checksum(tmp_path: Path) -> None:
    fronts = (
        "plain",
        "<b>bold</b> &lt;x&gt; &amp; a&nbsp;b",
        "std::vector&lt;int&gt; <!-- x --> end",
        '<div class="a>b">odd</div>',
        "一个 warp",
    )
    notes = stamped(*[replace(basic(f"n{f}"), fields=(f, "b", "", "")) for f in fronts])
    built = package.build([Deck("Kit", notes)], TYPES)
    ours = query(built, "select guid, sfld, csum from notes order by guid", tmp_path)
    with fresh() as box:
        box.load(built)
        theirs = box.db.all("select guid, sfld, csum from notes order by guid")
    assert [tuple(row) for row in theirs] == ours


def test_cards_are_those_that_anki_would_make() -> None:
    """Anki's own cloze parser and template rules agree with the ordinals in the file."""
    with fresh() as box:
        box.load(sample())
        before = [row[:2] for row in box.rows()["cards"]]
        box.col.fix_integrity()
        assert [row[:2] for row in box.rows()["cards"]] == before
        assert box.empty_cards() == 0
        assert box.template_errors() == []


def test_genankis_html_warnings_stay_quiet(recwarn: pytest.WarningsRecorder) -> None:
    note = replace(basic("a"), fields=("a < b && c > d", "<1 >", "", ""))
    package.build([Deck("Kit", stamped(note))], TYPES)
    assert [str(w.message) for w in recwarn] == []


def test_no_notes_is_a_valid_package() -> None:
    with fresh() as box:
        assert box.load(package.build([], TYPES)).new == 0


def test_unused_note_types_are_left_out(tmp_path: Path) -> None:
    built = package.build([Deck("Kit", stamped(basic("a")))], TYPES)
    ((models,),) = query(built, "select models from col", tmp_path)
    assert list(json.loads(models)) == [str(BASIC.id)]


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ((basic("a"), basic("a")), "twice"),
        ((replace(basic("a"), note_type=5),), "unknown note type"),
        ((replace(basic("a"), fields=("x",)),), "fields"),
        ((replace(basic("a"), ordinals=()),), "without a card"),
        ((replace(basic("a"), ordinals=(3,)),), "without a template"),
        ((cloze("b", (1,)), cloze("a", (1_000_001,))), "card ids meet"),
    ],
)
def test_notes_that_anki_would_damage_are_refused(
    notes: tuple[RenderedNote, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        package.build([Deck("Kit", stamped(*notes))], TYPES)


@pytest.mark.parametrize(
    "name", ["collection.apkg", "Collection.APKG", "backup-1.apkg", "deck.colpkg", "deck.zip"]
)
def test_name_that_anki_takes_for_a_backup_is_refused(name: str) -> None:
    problem = package.name_problem(PurePath("dist", name))
    assert problem is not None
    assert str(problem).startswith(f"dist/{name}:1:1: ")


def test_usual_name_is_fine() -> None:
    assert package.name_problem(PurePath("dist/cuda-memory-zh.apkg")) is None


# --- the same bytes everywhere ---


def test_zip_members_have_fixed_times_and_permissions() -> None:
    with zipfile.ZipFile(io.BytesIO(sample())) as file:
        assert file.testzip() is None
        assert [
            (m.filename, m.date_time, m.external_attr >> 16, m.create_system, m.extra)
            for m in file.infolist()
        ] == [
            (name, (1980, 1, 1, 0, 0, 0), 0o100644, 3, b"")
            for name in ("collection.anki2", "media")
        ]
        assert file.read("media") == b"{}"


def test_size_is_near_zlibs() -> None:
    built = sample()
    assert len(built) <= 1.2 * len(zlib.compress(database(built), 6))


def test_database_is_sound(tmp_path: Path) -> None:
    built = sample()
    assert query(built, "pragma integrity_check", tmp_path) == [("ok",)]
    assert query(built, "pragma freelist_count", tmp_path) == [(0,)]
    assert query(built, "pragma page_size", tmp_path) == [(4096,)]


def length(number: int) -> int:
    """Return many lengths, some around the bounds above which SQLite uses overflow pages."""
    special = {1: 9000, 2: 4040, 3: 985}
    return special.get(number % 50, number * 7 % 600 - number // 50) + number // 50


def history(path: Path, tail: str) -> bytes:
    """Write a database whose rows end the same whatever `tail` was; return its bytes.

    Deleted and shortened rows leave the old text in gaps, free blocks and fragments.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "pragma page_size = 4096; pragma secure_delete = 0;"
            "create table t (a integer primary key, b text); create index i on t (b);"
        )
        rows = [(i, f"{i:04}{'x' * length(i)}{tail}") for i in range(900)]
        connection.executemany("insert into t values (?, ?)", rows)
        connection.execute("delete from t where a % 6 = 0")
        # Two bytes less: too little for a free block, so SQLite counts it as a fragment.
        connection.execute("update t set b = substr(b, 1, length(b) - 2)")
        connection.commit()
    return path.read_bytes()


def test_stale_bytes_are_blanked_and_nothing_else(tmp_path: Path) -> None:
    """Two histories that end in the same rows end in the same bytes."""
    one, other = (history(tmp_path / tail, tail) for tail in ("!?", "#+"))
    in_use = [n for n in range(0, len(one), 4096) if one[n] in (2, 5, 10, 13)]
    assert sum(one[n : n + 4096] != other[n : n + 4096] for n in in_use) > 50
    assert any(one[n + 7] for n in in_use[1:]), "no page has fragments"
    assert any(any(one[n + 1 : n + 3]) for n in in_use), "no page has free blocks"
    clean = package._canonical(bytearray(one))
    again = package._canonical(bytearray(other))
    assert all(clean[n : n + 4096] == again[n : n + 4096] for n in in_use)
    path = tmp_path / "clean"
    path.write_bytes(clean)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        kept = connection.execute("select a, b from t order by a").fetchall()
    with closing(sqlite3.connect(tmp_path / "!?")) as connection:
        assert connection.execute("select a, b from t order by a").fetchall() == kept


def test_header_names_no_sqlite_version() -> None:
    image = database(sample())
    assert image[24:28] == image[92:96] == b"\0\0\0\1"
    assert int.from_bytes(image[96:100], "big") == 3_040_000


def test_order_of_notes_does_not_change_the_bytes() -> None:
    notes = stamped(*[basic(f"n{i}", back="x" * i * 50) for i in range(30)])
    one = package.build([Deck("Kit", notes)], TYPES)
    assert package.build([Deck("Kit", notes[::-1])], TYPES) == one


SAMPLE = "import hashlib, test_package; print(hashlib.sha256(test_package.sample()).hexdigest())"
"""What every interpreter is asked to print."""

RUNTIME_SAMPLE = SAMPLE.replace("import hashlib", "import hashlib, bare")
"""For interpreters without pytest and anki: `bare` puts stand-ins in their place."""

BARE = """
import sys, types
class Any_(types.ModuleType):
    def __getattr__(self, name):
        return Any_(name)
    def __call__(self, *args, **kwargs):
        return lambda function: function
for name in ("pytest", "ankibox"):
    sys.modules[name] = Any_(name)
"""


def digest(folder: Path, python: str, **changes: str) -> str:
    """Return the sha256 of the sample as another process makes it."""
    (folder / "bare.py").write_text(BARE)
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (folder, here, here.parent)))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **changes}
    umask = int(changes.get("UMASK", "022"), 8)
    command = [python, "-c", RUNTIME_SAMPLE]
    done = subprocess.run(
        command, env=environment, umask=umask, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "changes",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai", "UMASK": "077"},
        {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "UMASK": "000", "LC_ALL": "C"},
    ],
    ids=["shanghai", "new-york"],
)
def test_other_process_makes_the_same_bytes(tmp_path: Path, changes: dict[str, str]) -> None:
    other = digest(tmp_path, sys.executable, TMPDIR=str(tmp_path), **changes)
    assert other == hashlib.sha256(sample()).hexdigest()


def test_other_pythons_make_the_same_bytes(tmp_path: Path) -> None:
    """WARPDECK_PYTHONS: interpreters with the runtime dependencies, separated like PATH."""
    pythons = os.environ.get("WARPDECK_PYTHONS", "")
    if not pythons:
        pytest.skip("WARPDECK_PYTHONS names no other interpreters")
    expected = hashlib.sha256(sample()).hexdigest()
    digests = {python: digest(tmp_path, python) for python in pythons.split(os.pathsep)}
    assert digests == dict.fromkeys(digests, expected)


def test_project_builds_the_same_bytes_again() -> None:
    notes = [basic("a"), cloze("b", (1, 2)), basic("c", reverse="x", language="zh")]
    one, other = Project(), Project()
    assert one.build(notes) == other.build(notes) == one.build(notes)
