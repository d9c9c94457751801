"""What could stand at the cursor (written ``|``) of a query that is being typed."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from callscope.query import fields
from callscope.query.completions import ASKED, HELP, Completion, complete, with_values
from callscope.query.language import parse
from callscope.query.query import FLAGS, NUMBERS, WORDS

NOW_MS = 1_795_255_200_000


def at(marked: str) -> tuple[Completion, str]:
    """What is offered at the bar, and the text that it would take the place of."""
    cursor = marked.index("|")
    text = marked.replace("|", "", 1)
    found = complete(text, cursor)
    return found, text[found.start : found.end]


def offered(marked: str) -> list[str]:
    return [candidate.text for candidate in at(marked)[0].candidates]


def test_an_empty_box_offers_every_name() -> None:
    found, _ = at("|")
    names = {candidate.text.rstrip(":>") for candidate in found.candidates}

    assert found.kind == "field"
    assert names == {entry.name.partition("<")[0] for entry in HELP}
    assert all(candidate.help for candidate in found.candidates)


def test_help_has_every_name_and_its_examples_are_queries() -> None:
    expected = {*NUMBERS, *WORDS, *FLAGS, *fields.SAID, *fields.SETTINGS, "has", "label.<name>", "stage.<name>"}

    assert [entry.name for entry in HELP if entry.name not in expected] == []
    assert len(HELP) == len(expected)
    for entry in HELP:
        assert entry.example.startswith(entry.name.partition("<")[0])
        parse(entry.example, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("marked", "replaced", "first"),
    [
        ("sta|", "sta", "status:"),
        ("refund -sta|", "sta", "status:"),
        ("not sta|", "sta", "status:"),
        ("sta|tus!=failed", "status!=", "status!="),
        ("STATUS:FA|", "FA", "failed"),
        ("status:completed,ab|,failed", "ab", "abandoned"),
        ("-status!=|", "", "in_progress"),
        ('status:"fa|', '"fa', "failed"),
        ("refund stage.l|", "stage.l", "stage.llm>"),
        ("inter| since:7d", "inter", "interruptions>"),
        ("sort:-c|", "-c", "-cost"),
        ("since:|", "", "1h"),
        ("on:y|", "y", "yesterday"),
        ("has:reco|", "reco", "recording"),
        ("p95>1|", "1", "1s"),
        ("said|", "said", "caller_said:"),
    ],
)
def test_what_fits_what_is_typed_comes_first(marked: str, replaced: str, first: str) -> None:
    found, text = at(marked)

    assert (text, found.candidates[0].text) == (replaced, first)
    assert found.kind == ("value" if found.field else "field")


def test_a_name_goes_before_the_longer_ones_that_begin_with_it() -> None:
    assert offered("agen|")[:2] == ["agent:", "agent_said:"]


def test_a_whole_name_is_offered_with_each_sign() -> None:
    assert offered("p95|") == ["p95>", "p95>=", "p95<", "p95<=", "p95:"]
    assert offered("agent|")[:4] == ["agent:", "agent!=", "agent:~", "agent:/"]


@pytest.mark.parametrize(
    "marked", ["don|'t", "/ref|und/i", '"agent:|', "text:ref|", "|refund", "x:y|", "agent:/fr|", "zzz|"]
)
def test_nothing_is_offered_among_words_to_look_for(marked: str) -> None:
    assert at(marked)[0].kind == "none"
    assert offered(marked) == []


@pytest.mark.parametrize(
    ("marked", "asks", "prefix", "written"),
    [
        ("agent:fro|", "agent", "fro", '"front desk"'),
        ('agent:"front d|', "agent", "front d", '"front desk"'),
        ("label.te|", "label.", "te", 'label."front desk":'),
        ('label."my te|', "label.", "my te", 'label."front desk":'),
        ("has:label.te|", "label.", "te", 'label."front desk"'),
        ('has:label."my t|', "label.", "my t", 'label."front desk"'),
        ("label.env:p|", "label.env", "p", '"front desk"'),
        ('label."my team":n|', "label.my team", "n", '"front desk"'),
    ],
)
def test_values_of_the_archive_are_asked_for_by_name(marked: str, asks: str, prefix: str, written: str) -> None:
    found, _ = at(marked)

    assert (found.asks, found.prefix) == (asks, prefix)
    assert with_values(found, ["front desk"]).candidates[-1].text == written


def test_what_needs_no_archive_takes_no_values() -> None:
    found, _ = at("status:|")

    assert found.asks is None
    assert with_values(found, ["more"]) == found
    assert set(ASKED) <= set(WORDS)


@given(st.text(alphabet='ab1 -,":/\\.~<>=\n label.not', max_size=30), st.integers(-2, 40))
def test_half_a_query_is_no_error(text: str, cursor: int) -> None:
    found = complete(text, cursor)

    assert 0 <= found.start <= min(max(cursor, 0), len(text)) <= found.end <= len(text)
    assert found.candidates == () or found.kind != "none"


@given(st.sampled_from(["", "agent:x ", "refund -", "status:failed,"]), st.text(max_size=12))
def test_what_is_offered_can_be_taken(before: str, typed: str) -> None:
    text = before + typed
    assume(",," not in text)  # an empty value is wrong wherever one goes on
    found = complete(text, len(text))

    for candidate in found.candidates:
        taken = text[: found.start] + candidate.text
        assert complete(taken, len(taken)).start <= len(taken)
        if found.kind == "value":
            parse(taken, now_ms=NOW_MS)
