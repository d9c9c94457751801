"""Trigrams can be switched off and on again: the choice is kept, and a question that needs them says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import DAY_MS, NOW_MS, many, settle, small_archive, write
from dumps import check_words, dump

from callscope.errors import SettingError
from callscope.index.database import writable
from callscope.index.index import Index
from callscope.index.refresh import refresh

LATER_MS = NOW_MS + 400 * DAY_MS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    small_archive(path)
    settle(path)
    return path


def has_trigrams(place: Path, root: Path) -> bool:
    db = writable(place, root=root)
    found = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'document_trigram'").fetchone()[0]
    db.close()
    return bool(found)


def test_an_index_has_trigrams_unless_told_otherwise(tmp_path: Path, root: Path) -> None:
    refresh(tmp_path / "with.sqlite", root, now_ms=LATER_MS)
    refresh(tmp_path / "without.sqlite", root, now_ms=LATER_MS, search=False)

    assert has_trigrams(tmp_path / "with.sqlite", root)
    assert not has_trigrams(tmp_path / "without.sqlite", root)


@pytest.mark.parametrize("rebuild", [False, True])
def test_later_refreshes_keep_the_choice(tmp_path: Path, root: Path, *, rebuild: bool) -> None:
    place = tmp_path / "index.sqlite"
    refresh(place, root, now_ms=LATER_MS, search=False)
    write(root, "more")

    assert refresh(place, root, now_ms=LATER_MS, rebuild=rebuild).read
    assert not has_trigrams(place, root)


def test_a_damaged_index_keeps_the_choice_where_it_can_be_read(tmp_path: Path, root: Path) -> None:
    place = tmp_path / "index.sqlite"
    refresh(place, root, now_ms=LATER_MS, search=False)
    Path(f"{place}-damaged").touch()

    assert refresh(place, root, now_ms=LATER_MS).read
    assert not has_trigrams(place, root)


def test_switched_on_again_it_is_as_if_it_had_never_been_off(tmp_path: Path, root: Path) -> None:
    place, other = tmp_path / "index.sqlite", tmp_path / "other.sqlite"
    refresh(other, root, now_ms=LATER_MS)
    refresh(place, root, now_ms=LATER_MS, search=False)
    refresh(place, root, now_ms=LATER_MS, search=True)

    with Index.open(root, place=place) as one, Index.open(root, place=other) as two:
        assert one.search('"refund"').hits == two.search('"refund"').hits != ()
    db = writable(place, root=root)
    check_words(db)
    db.close()
    assert dump(place, root) == dump(other, root)


def test_without_trigrams_calls_come_change_and_go(tmp_path: Path, root: Path) -> None:
    place, other = tmp_path / "index.sqlite", tmp_path / "other.sqlite"
    refresh(place, root, now_ms=LATER_MS, search=False)
    many(root, 20, days=2)
    refresh(place, root, now_ms=LATER_MS)
    refresh(place, root, now_ms=LATER_MS, search=True)
    refresh(other, root, now_ms=LATER_MS)

    assert dump(place, root) == dump(other, root)


@pytest.mark.parametrize("question", ['"refund"', "/refunds?/"])
def test_a_question_that_needs_trigrams_says_how_to_have_them(tmp_path: Path, root: Path, question: str) -> None:
    refresh(tmp_path / "index.sqlite", root, now_ms=LATER_MS, search=False)

    with Index.open(root, place=tmp_path / "index.sqlite") as index:
        for ask in (index.search, index.calls, index.stats):
            with pytest.raises(SettingError, match="reindex --search"):
                ask(question)


def test_without_trigrams_everything_else_is_answered(tmp_path: Path, root: Path) -> None:
    refresh(tmp_path / "index.sqlite", root, now_ms=LATER_MS, search=False)

    with Index.open(root, place=tmp_path / "index.sqlite") as index:
        assert index.search("refund", ranked=True).hits
        assert index.calls("agent:front-desk").calls
        assert index.sql("SELECT count(*) FROM document")[1]
