"""The SQL of a query finds the same calls as the meaning of the query does."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import START_MS, Failure, Recorded, Wait, fits, index_of

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.calls import calls
from callscope.index.compile import FROM, call_numbers, compile_query, documents_of
from callscope.index.numbers import DOCUMENT_BITS
from callscope.index.plan import few_calls
from callscope.query.query import FLAGS, NUMBERS, STARTED, WORDS, CallQuery, Operator, Term, Words

NAMES = st.sampled_from(["", "Front-Desk", "front", "desk*", "a[b]", "Zürich", "退款", "x_y%", "DESK"])
TEXTS = st.sampled_from([
    "I want a REFUND please", "refunded", "退款 请", "取消我的订单", "Zażółć gęślą jaźń", "👍🏽 ok",
    "a*b", 'say "no"', "ab", "",
    "İstanbul ışık",
    "line\nbreak refund", "x" * 300 + "needle",
])  # fmt: skip
ALL_KINDS = ("user", "assistant", "system", "tool", "arguments", "result", "error")
KINDS = st.sampled_from(ALL_KINDS)
SOME_MS = st.none() | st.sampled_from([0.0, 500.0, 1500.0, 2500.5])
WAITS = st.builds(
    Wait,
    response_ms=st.none() | st.sampled_from([0, 400, 1500, 4000]),
    llm_ms=st.none() | st.sampled_from([100, 900]),
    kind=st.sampled_from(["exchange", "exchange", "greeting"]),
    silence_ms=st.none() | st.sampled_from([0, 900, 2500]),
)
SERVICES = st.lists(
    st.tuples(
        st.sampled_from(["llm", "stt"]), st.sampled_from(["", "OpenAI", "deepgram"]), st.sampled_from(["", "gpt-4.1"])
    ),
    max_size=2,
).map(tuple)
FAILURES = st.builds(
    Failure,
    message=st.sampled_from(["", "Timeout after 3 s", "refused"]),
    exception_type=st.sampled_from(["", "APITimeoutError"]),
    category=st.sampled_from(["", "timeout"]),
    fingerprint=st.sampled_from(["3fa9", "00aa"]),
)
MAYBE = st.none() | NAMES


def recorded(number: int) -> st.SearchStrategy[Recorded]:
    return st.builds(
        Recorded,
        name=st.sampled_from([f"CA{number}", f"ca-{number}é"]),
        started_at_ms=st.sampled_from([START_MS, START_MS + 400, START_MS + 3_600_000, START_MS - 86_400_000, 1_000]),
        status=st.sampled_from(["completed", "failed", "in_progress"]),
        duration_ms=SOME_MS,
        end_reason=MAYBE,
        error=MAYBE,
        direction=MAYBE,
        caller=MAYBE,
        trace_id=MAYBE,
        telephony_provider=MAYBE,
        agent=NAMES,
        version=NAMES,
        environment=NAMES,
        provider=st.sampled_from(["", "openai", "Groq"]),
        model=st.sampled_from(["", "GPT-4.1-mini"]),
        turns=st.none() | st.integers(0, 3),
        unanswered=st.integers(0, 2),
        interruptions=st.integers(0, 2),
        p95_ms=SOME_MS,
        cost_usd=st.none() | st.sampled_from([0.0, 0.1, 0.25]),
        cost_status=st.sampled_from([None, "priced", "partial", "unpriced"]),
        unpriced=st.integers(0, 1),
        lost=st.integers(0, 1),
        recorded=st.booleans(),
        labels=st.dictionaries(st.sampled_from(["env", "my team"]), NAMES, max_size=2),
        waits=st.lists(WAITS, max_size=2).map(tuple),
        events=st.lists(NAMES | NAMES.map("silence/{}".format), max_size=2, unique=True).map(tuple),
        tools=st.dictionaries(NAMES, st.integers(0, 1), max_size=2),
        usage=SERVICES,
        lines=SERVICES,
        failures=st.lists(FAILURES, max_size=2).map(tuple),
        documents=st.lists(st.tuples(KINDS, TEXTS), max_size=3).map(tuple),
    )


ARCHIVES = st.integers(1, 8).flatmap(lambda count: st.tuples(*map(recorded, range(count))))
NUMBER_FIELDS = st.sampled_from([*NUMBERS, "wait", "wait", "stage.llm", "stage.llm"])
WORD_FIELDS = st.sampled_from([*(set(WORDS) - {"callee", "mode"}), "label.env", "label.my team"])
AMOUNTS = st.sampled_from([0.0, 0.1, 0.25, 1.0, 2.0, 400.0, 900.0, 1500.0, 2500.5])
VALUES = st.one_of(
    NAMES,
    st.sampled_from(["f*", "*", "*DESK*", "*ü*", "ca*", "completed", "timeout", "openai",
    "GPT-4.1", "*4.1*", "ZÜRICH", "priced", "llm", "3FA9"]),
)  # fmt: skip
PATTERNS = st.sampled_from(["^front", "(?i)DESK$", "t[io]me", "", ".", "[0-9]+", "退"])
NEEDLES = st.sampled_from([
    "refund", "REFUND", "r", "", "退款", "取消我的", "jaźń", "JAŹŃ", "👍", "👍🏽 ok", "*", "a*b", '"no"', '"',
    "NEAR(a b)", "refund OR x", "^I", "-x", "i\nb", "e\0e",
    "x" * 200 + "needle", "\ud800", "refund*", "{text}: a",
])  # fmt: skip
EXPRESSIONS = st.sampled_from([
    "refund(ed)?", "^refund", "REFUND", "退款|取消", "[ab]{2}", "x+needle", "want.*please", "(?:no|ok)", "",
    "b(?!r)", r"line\sbreak", "ist", "x{e<=1}",
])  # fmt: skip


@st.composite
def terms(draw: st.DrawFn) -> Term:
    negated = draw(st.booleans())
    form = draw(st.integers(0, 6))
    if form == 0:
        return Term(field=draw(st.sampled_from(FLAGS)), op="present", negated=negated)
    if form == 6:
        length_ms = draw(st.sampled_from([1, 400, 3_600_000]))
        return Term(field=STARTED, op="between", values=(START_MS, START_MS + length_ms - 1), negated=negated)
    if form <= 2:
        field = draw(NUMBER_FIELDS)
        op: Operator = draw(st.sampled_from(["is", "above", "at_least", "below", "at_most", "between", "present"]))
        count = {"is": 2, "between": 2, "present": 0}.get(op, 1)
        values = sorted(draw(st.lists(AMOUNTS, min_size=count, max_size=count)))
        return Term(field=field, op=op, values=tuple(values), negated=negated)
    field = draw(WORD_FIELDS)
    kind: Operator = draw(st.sampled_from(["is", "is", "contains", "matches", "present"]))
    if kind == "present":
        return Term(field=field, op=kind, negated=negated)
    given_values = st.lists(PATTERNS if kind == "matches" else VALUES, min_size=1, max_size=2)
    return Term(field=field, op=kind, values=tuple(draw(given_values)), negated=negated)


@st.composite
def said(draw: st.DrawFn) -> Words:
    pattern = draw(st.booleans())
    return Words(
        text=draw(EXPRESSIONS if pattern else NEEDLES),
        regex=pattern,
        ignore_case=draw(st.booleans()) if pattern else True,
        where=draw(st.sampled_from(["anywhere", "anywhere", "caller", "agent", "tool", "error"])),
        negated=draw(st.booleans()),
    )


QUERIES = st.builds(
    CallQuery,
    terms=st.lists(terms(), max_size=3).map(tuple),
    words=st.lists(said(), max_size=2).map(tuple),
    since_ms=st.none() | st.sampled_from([START_MS, START_MS + 1, 0]),
    until_ms=st.none() | st.sampled_from([START_MS + 400, START_MS + 1_000, START_MS + 10**9]),
)


def found(db: sqlite3.Connection, query: CallQuery, *, one_by_one: bool = False) -> set[str]:
    compiled = compile_query(query, words=True, one_by_one=one_by_one)
    rows = db.execute(f"SELECT c.path FROM {FROM} WHERE {compiled.where}", compiled.parameters)  # noqa: S608 -- the compiler's
    return {path for (path,) in rows}


@settings(max_examples=100, deadline=None)
@given(ARCHIVES, st.lists(QUERIES, min_size=1, max_size=5))
def test_sql_finds_the_calls_that_the_query_means(calls: tuple[Recorded, ...], queries: list[CallQuery]) -> None:
    db = index_of(calls)
    regex.install(db)
    for query in queries:
        expected = {call.path for call in calls if fits(call, query)}

        assert found(db, query) == expected
        assert found(db, query, one_by_one=True) == expected
        compiled = compile_query(query, words=True)
        for source in (*compiled.sources, *filter(None, [compiled.time])):
            named = few_calls(db, [source], compiled.parameters)
            assert named is not None
            paths = {path for (path, number) in db.execute("SELECT path, id FROM call") if number in named}
            assert expected <= paths, source


def test_every_field_of_the_language_compiles() -> None:
    db = index_of([Recorded(name="one")])
    for field in (*WORDS, "label.env"):
        assert found(db, CallQuery(terms=(Term(field=field, op="is", values=("no such thing",)),))) == set()
    for field in (*NUMBERS, "stage.output"):
        assert found(db, CallQuery(terms=(Term(field=field, op="above", values=(10.0**9,)),))) == set()


@pytest.mark.parametrize(
    ("where", "kinds"),
    [
        ("anywhere", {"user", "assistant", "system", "tool", "arguments", "result", "error"}),
        ("caller", {"user"}),
        ("agent", {"assistant"}),
        ("tool", {"tool", "arguments", "result"}),
        ("error", {"error"}),
    ],
)
@pytest.mark.parametrize(("text", "regex_"), [("refund", False), ("re", False), ("ref.nd", True), ("r.f", True)])
def test_words_are_looked_for_where_they_were_asked_for(where: Any, kinds: set[str], text: str, regex_: object) -> None:
    calls = [Recorded(name=kind, documents=((kind, "a refund"),)) for kind in (*ALL_KINDS, "other")]
    db = index_of(calls)
    regex.install(db)
    everywhere = {"other"} if where == "anywhere" else set()
    for one_by_one in (False, True):
        query = CallQuery(words=(Words(text=text, regex=bool(regex_), where=where),))

        assert {path[11:] for path in found(db, query, one_by_one=one_by_one)} == kinds | everywhere


@pytest.mark.parametrize(
    "term",
    [
        Term(field="wait", op="is", values=(1500.0,)),
        Term(field="wait", op="at_least", values=(1500.0,)),
        Term(field="wait", op="between", values=(1500.0, 2000.0)),
        Term(field="errors", op="at_least", values=(1.0,)),
        Term(field="errors", op="is", values=(0.0, 1.0)),
        Term(field="errors", op="below", values=(2.0,)),
        Term(field="agent", op="is", values=("desk",)),
        Term(field="version", op="is", values=("2",), negated=True),
        Term(field="tool", op="is", values=("look*",)),
        Term(field="model", op="contains", values=("4.1",)),
        Term(field="label.env", op="is", values=("PROD",)),
    ],
)
def test_what_an_index_names_holds_every_call_that_fits(term: Term) -> None:
    call = Recorded(
        name="one", agent="Desk", version="1", tools={"lookup": 0}, lines=(("llm", "openai", "GPT-4.1"),),
        labels={"env": "prod"},
        waits=(Wait(1500), Wait(20)), failures=(Failure("x"),),
    )  # fmt: skip
    db = index_of([call])
    for query in (CallQuery(terms=(term,)), CallQuery(terms=(term,), since_ms=START_MS, until_ms=START_MS + 1)):
        compiled = compile_query(query, words=True)

        assert found(db, query) == {call.path}
        assert all(few_calls(db, [source], compiled.parameters) for source in compiled.sources)


def test_an_index_names_values_in_all_their_cases() -> None:
    db = index_of(
        [Recorded(name=model, lines=(("llm", "x", model),)) for model in ("GPT-4.1", "gpt-4.1", "Gpt-4.1", "o3")]
    )
    compiled = compile_query(CallQuery(terms=(Term(field="model", op="contains", values=("4.1",)),)), words=True)

    named = few_calls(db, compiled.sources, compiled.parameters)
    assert named is not None
    assert len(named) == 3


def test_a_greeting_is_no_wait_of_the_caller() -> None:
    db = index_of([Recorded(name="one", waits=(Wait(response_ms=9_000, llm_ms=8_000, kind="greeting"),))])

    for field in ("wait", "stage.llm"):
        assert found(db, CallQuery(terms=(Term(field=field, op="present"),))) == set()


def test_a_wait_without_an_answer_is_a_wait() -> None:
    silent = Recorded(name="silent", waits=(Wait(800), Wait(silence_ms=12_000)), unanswered=1)
    db = index_of([silent, Recorded(name="quick", waits=(Wait(700),))])

    for term in (
        Term(field="wait", op="above", values=(5_000,)),
        Term(field="wait", op="is", values=(12_000,)),
        Term(field="worst", op="above", values=(5_000,)),
    ):
        assert found(db, CallQuery(terms=(term,))) == {silent.path}
    rows = calls(db, CallQuery(sort="worst")).calls
    assert [(row.call_id, row.worst_ms, row.worst_is_unanswered) for row in rows] == [
        ("silent", 12_000, True),
        ("quick", 700, False),
    ]


def test_a_call_of_the_last_moment_of_a_full_second_is_inside_the_range_of_its_time() -> None:
    calls = [
        Recorded(name=f"c{number}", started_at_ms=START_MS + 999, documents=(("user", "refund"),))
        for number in range(9)
    ]
    db = index_of(calls)
    shift = 5 * 4096  # as if the five seconds before were full
    db.execute("UPDATE call SET id = id + ?", (shift,))
    db.execute("DELETE FROM document_trigram")
    db.execute("UPDATE document SET id = id + ?", (shift << DOCUMENT_BITS,))
    db.execute("INSERT INTO document_trigram (document_trigram) VALUES ('rebuild')")
    query = CallQuery(words=(Words(text="refund"),), since_ms=START_MS, until_ms=START_MS + 1000)

    assert len(found(db, query)) == len(calls)


@pytest.mark.parametrize("ms", [-(10**15), 0, START_MS, 253_402_300_799_999, 10**18])
def test_any_time_is_a_range_of_numbers_that_sqlite_can_hold(ms: int) -> None:
    for number in documents_of(*call_numbers(CallQuery(since_ms=ms, until_ms=ms))):
        assert -(1 << 63) <= number < 1 << 63


def test_numbers_of_calls_are_those_that_ingest_gives() -> None:
    db = index_of(
        [Recorded(name="late", started_at_ms=ms) for ms in (START_MS, 1, 4_000_000_000_000, 99_000_000_000_000)]
    )
    for number, ms in db.execute("SELECT id, started_at_ms FROM call"):
        first, last = call_numbers(CallQuery(since_ms=ms, until_ms=ms + 1))

        assert first <= number <= last


@pytest.mark.parametrize("field", ["agent", "tool", "label.env", "error", "provider", "id"])
@pytest.mark.parametrize(
    "value", ["'; DROP TABLE call; --", '" OR 1=1', ":q0", "%", "?", "[", "]", "\\", "\ud800", "a\0b"]
)
def test_values_are_never_part_of_the_sql(field: str, value: str) -> None:
    call = Recorded(name="x", agent="a")
    db = index_of([call])
    for op in ("is", "contains"):
        query = CallQuery(terms=(Term(field=field, op=op, values=(value,)),))

        assert found(db, query) == set()
        assert value not in compile_query(query, words=True).where or value in {":q0", "?", "%", "[", "]"}


@pytest.mark.parametrize(
    "term",
    [
        Term(field="colour", op="is", values=("red",)),
        Term(field="label.", op="is", values=("red",)),
        Term(field="stage.lunch", op="above", values=(1.0,)),
        Term(field="cost", op="above", values=("dear",)),
        Term(field="cost", op="above"),
        Term(field="cost", op="matches", values=(1.0,)),
        Term(field="agent", op="above", values=("x",)),
        Term(field="agent", op="is", values=(1.0,)),
        Term(field="agent", op="is"),
        Term(field="agent", op="matches", values=("(",)),
        Term(field="agent", op="is", values=("ü" * 30_000,)),
    ],
)
def test_a_term_that_means_nothing_is_an_error_that_says_so(term: Term) -> None:
    with pytest.raises(SettingError):
        compile_query(CallQuery(terms=(term,)), words=True)


def test_ten_thousand_characters_are_too_many_words() -> None:
    with pytest.raises(SettingError, match="at most 2,000 characters"):
        compile_query(CallQuery(words=(Words(text="x" * 10_000),)), words=True)


def test_errors_that_were_asked_for_are_the_only_ones_counted() -> None:
    query = CallQuery(terms=(Term(field="error", op="contains", values=("Time",)),))

    assert "e.message" in compile_query(query, words=True).errors
    assert compile_query(CallQuery(), words=True).errors == "1"
