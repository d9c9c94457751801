"""docs/query.md names every field, and each of its examples is a query."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callscope.model.call import STATUSES
from callscope.query import fields
from callscope.query.field_help import HELP, FieldHelp
from callscope.query.language import QueryError, parse
from callscope.query.query import FLAGS, NUMBERS, SORTS, STAGES, WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "query.md").read_text(encoding="utf-8")
NOW_MS = 1_795_255_200_000


def rows() -> list[list[str]]:
    """The cells of every table, without its heading."""
    lines = [
        line
        for line in PAGE.splitlines()
        if line.startswith("|") and not line.startswith(("|--", "| Write", "| Field"))
    ]
    return [re.split(r"(?<!\\)\|", line.replace("`|`", "` `"))[1:-1] for line in lines]


def code(cell: str) -> list[str]:
    return [found.replace("\\|", "|") for found in re.findall(r"`([^`]+)`", cell)]


def examples() -> list[str]:
    fenced = [line for block in re.findall(r"```query\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    tables = [text for cells in rows() for text in code(cells[0] if len(cells) == 2 else cells[2])]
    return fenced + tables


@pytest.mark.parametrize("text", examples())
def test_an_example_is_a_query(text: str) -> None:
    parse(text, now_ms=NOW_MS)


def test_there_are_examples_of_every_field() -> None:
    assert len(examples()) > 80
    documented = {name for cells in rows() if len(cells) == 3 for name in code(cells[0])}
    assert documented == {*NUMBERS, *WORDS, "label.<name>", "stage.<name>"}
    for cells in rows():
        if len(cells) == 3:
            name = code(cells[0])[0].split("<")[0]
            assert all(text.startswith(name) for text in code(cells[2])), name


@pytest.mark.parametrize("name", [*FLAGS, *SORTS, *STAGES, *STATUSES, *fields.SAID, *fields.SETTINGS, "has"])
def test_every_other_name_is_explained(name: str) -> None:
    assert re.search(rf"`-?{name}[`:]", PAGE), name


@pytest.mark.parametrize(
    "entry", [entry for entry in HELP if entry.kind in {"words", "number"}], ids=lambda each: each.name
)
def test_the_page_says_what_the_help_says(entry: FieldHelp) -> None:
    (cells,) = [cells for cells in rows() if len(cells) == 3 and code(cells[0]) == [entry.name]]

    assert cells[1].replace("`", "").strip() == entry.means
    assert code(cells[2]) == [entry.example]


@pytest.mark.parametrize("entry", [entry for entry in HELP if entry.kind == "flag"], ids=lambda each: each.name)
def test_what_stands_alone_means_the_same_on_the_page(entry: FieldHelp) -> None:
    (meaning,) = [cells[1] for cells in rows() if len(cells) == 2 and entry.example in code(cells[0])]

    assert meaning.replace("`", "").strip() == entry.means


def test_the_mistake_that_is_shown_is_told_so() -> None:
    shown = re.findall(r"```text\n(.*?)\n```", PAGE, re.DOTALL)

    with pytest.raises(QueryError) as caught:
        parse("refund agnet:front-desk", now_ms=NOW_MS)

    assert shown == [str(caught.value)]
