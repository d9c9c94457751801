from __future__ import annotations

import re
import time
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callscope.model.wire import LAST_MS
from callscope.query import fields
from callscope.query.language import MAX_LIMIT, QueryError, parse, unparse
from callscope.query.query import FLAGS, NUMBERS, SORTS, STAGES, WORDS, CallQuery, Term, Where, Words

NOW_MS = 1_795_255_200_000
NUMBER_FIELDS = [*NUMBERS, *(f"stage.{stage}" for stage in STAGES)]
WORD_FIELDS = [field for field in WORDS if field not in fields.CHOICES]

texts = st.text(max_size=20) | st.sampled_from(
    ["failed", "not", "OR", "a*", "*", "-x", "~x", "=x", "/x/", 'say "no"', "\\", 'a\\"', "a,b", "..", ">1", "(a", "é"]
)
sought = texts.filter(lambda text: bool(text.strip()))
numbers = st.floats(min_value=0, max_value=1e15).map(abs)


def compiles(pattern: str) -> bool:
    if "\\/" in pattern or pattern.count("[") > 2:  # a slash is written with one escape only
        return False
    try:
        re.compile(pattern)
        re.compile(pattern, re.IGNORECASE)
    except (re.error, ValueError, OverflowError, RecursionError, FutureWarning):
        return False
    return True


patterns = (
    (texts | st.sampled_from([r"a/b", r"\\/", r"\d+ (x|y)", r"refund(ed)?", r"[/]"])).filter(bool).filter(compiles)
)
labels = st.text(min_size=1, max_size=10).map(lambda name: f"label.{name}")


def number_terms() -> st.SearchStrategy[Term]:
    one = st.tuples(st.sampled_from(["above", "at_least", "below", "at_most"]), st.tuples(numbers))
    several = st.tuples(st.just("is"), st.lists(numbers, min_size=1, max_size=3).map(tuple))
    ends = st.tuples(st.just("between"), st.tuples(numbers, numbers).map(lambda pair: tuple(sorted(pair))))
    present = st.just(("present", ()))
    return terms(st.sampled_from(NUMBER_FIELDS), one | several | ends | present)


def word_terms() -> st.SearchStrategy[Term]:
    whole = st.tuples(st.just("is"), st.lists(texts, min_size=1, max_size=3).map(tuple))
    part = st.tuples(st.just("contains"), st.lists(texts.filter(bool), min_size=1, max_size=3).map(tuple))
    pattern = patterns | patterns.map(lambda text: f"(?i){text}")
    matches = st.tuples(st.just("matches"), st.tuples(pattern))
    present = st.just(("present", ()))
    return terms(st.sampled_from(WORD_FIELDS) | labels, whole | part | matches | present)


def choice_terms() -> st.SearchStrategy[Term]:
    return st.one_of(
        [
            terms(st.just(field), st.tuples(st.just("is"), st.lists(st.sampled_from(choices), min_size=1).map(tuple)))
            for field, choices in fields.CHOICES.items()
        ]
    )


def terms(names: st.SearchStrategy[str], conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[Term]:
    return st.builds(
        lambda field, condition, negated: Term(field=field, op=condition[0], values=condition[1], negated=negated),
        names, conditions, st.booleans(),
    )  # fmt: skip


def found_words() -> st.SearchStrategy[Words]:
    where = st.sampled_from(get_args(Where))
    plain = st.builds(Words, text=sought, where=where, negated=st.booleans())
    regex = st.builds(
        Words, text=patterns.filter(lambda text: bool(text.strip())), regex=st.just(value=True),
        ignore_case=st.booleans(), where=where, negated=st.booleans(),
    )  # fmt: skip
    return plain | regex


flags = terms(st.sampled_from(FLAGS), st.just(("present", ())))
conditions = st.lists(number_terms() | word_terms() | choice_terms() | flags, max_size=5).map(tuple)
moments = st.integers(0, LAST_MS)
periods = (
    st.lists(moments, min_size=2, max_size=2, unique=True).map(sorted)
    | moments.map(lambda ms: [None, ms])
    | moments.map(lambda ms: [ms, None])
    | st.just([None, None])
)
queries = st.builds(
    lambda period, **rest: CallQuery(since_ms=period[0], until_ms=period[1], **rest),
    period=periods,
    terms=conditions,
    words=st.lists(found_words(), max_size=4).map(tuple),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
    limit=st.integers(1, MAX_LIMIT),
    cursor=st.none() | st.text(max_size=20),
)

SNIPPETS = [
    "agent", "label.", "stage.llm", "status", "cost", "since", "on", "sort", "has", "text", "not ", "-", ":", "=", "!=",
    "~", ">", ">=", "..", ",", '"', "\\", "/", "i ", " ", "\n", "(", "[", "*", "1.5s", "$0.2", "7d", "2026-11-20",
    "failed", "{9}", "\0", "\ud800", "\u202e", "退款", "٣", "९", "²", "[[a]", "(?L)", "(?i)",
]  # fmt: skip
hostile = st.text(max_size=60) | st.lists(st.sampled_from(SNIPPETS), max_size=30).map("".join)


def asked(text: str) -> CallQuery | QueryError:
    try:
        return parse(text, now_ms=NOW_MS)
    except QueryError as error:
        return error


@settings(max_examples=500)
@given(queries)
def test_a_query_is_read_back_from_its_text(query: CallQuery) -> None:
    assert parse(unparse(query), now_ms=NOW_MS) == query


@settings(max_examples=1000)
@given(hostile)
@example("/[[a]/")
@example("since:９d")
@example("cost>٣")
@example("limit:²")
@example("/" + "(" * 600 + ")" * 300 + "/")
@example("/(?x)(?i)a/i")
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    query = asked(text)
    if isinstance(query, QueryError):
        assert 0 <= query.column <= len(text)
        assert len(str(query).splitlines()) == 3
        assert query.problem.isprintable()
    else:
        written = unparse(query)
        assert parse(written, now_ms=0) == query
        assert unparse(parse(written, now_ms=0)) == written


@given(queries)
def test_a_minus_before_every_condition_negates_it_and_nothing_else(query: CallQuery) -> None:
    plain = msgspec.structs.replace(
        query,
        terms=tuple(msgspec.structs.replace(term, negated=False) for term in query.terms),
        words=tuple(msgspec.structs.replace(words, negated=False) for words in query.words),
    )
    for sign in ("-", "not "):
        parts = [CallQuery(terms=(term,)) for term in plain.terms] + [CallQuery(words=(one,)) for one in plain.words]
        text = " ".join(sign + unparse(part) for part in parts)
        negated = parse(text, now_ms=NOW_MS)
        assert [term.negated for term in negated.terms] == [True] * len(plain.terms)
        assert [msgspec.structs.replace(term, negated=False) for term in negated.terms] == list(plain.terms)
        assert [msgspec.structs.replace(words, negated=False) for words in negated.words] == list(plain.words)
        assert all(words.negated for words in negated.words)


LONGEST = 10_000


@pytest.mark.parametrize(
    "unit",
    [
        "a", "-", '"', "\\", '"\\', "/", "(", "a:", "a.", "label.", 'label."', "label.a", "a,", "status:", "id:a,",
        "cost:1..", "cost>1", "cost>1 ", "not ", "1", "1.", "2026-11-20..", "since:1", "/[\0-\uffff]/i ", "/(a*)*b/ ",
        "/((a{9}){9}){9}/ ", "e\N{COMBINING ACUTE ACCENT}", "退", "\ud800", " ", "\n", "*", "~", "=",
    ],
)  # fmt: skip
def test_a_hostile_text_takes_no_long_time(unit: str) -> None:
    for text in (unit * (LONGEST // len(unit)), "cost>" + unit * ((LONGEST - 5) // len(unit))):
        started = time.process_time()
        answer = asked(text)
        assert time.process_time() - started < 3  # what grows with the square of the length takes minutes
        assert isinstance(answer, CallQuery) or len(str(answer)) < 1000
