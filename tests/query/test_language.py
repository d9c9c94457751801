from __future__ import annotations

import pytest

from callscope.errors import SettingError
from callscope.model.wire import parse_ts
from callscope.query.language import QueryError, parse, unparse
from callscope.query.query import CallQuery, Operator, Term, Value, Where, Words

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z, a Saturday
DAY_MS = 86_400_000


def ask(text: str) -> CallQuery:
    return parse(text, now_ms=NOW_MS)


def term(field: str, op: Operator, *values: Value, negated: bool = False) -> Term:
    return Term(field=field, op=op, values=values, negated=negated)


def words(text: str, *, where: Where = "anywhere", negated: bool = False) -> Words:
    return Words(text=text, where=where, negated=negated)


def ms(text: str) -> int:
    moment = parse_ts(text)
    assert moment is not None
    return moment


def test_nothing_asks_for_the_newest_calls() -> None:
    assert ask("") == ask(" \n\t ") == CallQuery()


def test_everything_at_once() -> None:
    query = ask(
        'text:"cancel my" agent:front-desk status:failed p95>1.5s interrupted cost>0.20 provider:deepgram '
        "label.env:prod since:7d error:timeout tool:lookup_order"
    )

    assert query == CallQuery(
        words=(words("cancel my"),),
        terms=(
            term("agent", "is", "front-desk"),
            term("status", "is", "failed"),
            term("p95", "above", 1500.0),
            term("interrupted", "present"),
            term("cost", "above", 0.2),
            term("provider", "is", "deepgram"),
            term("label.env", "is", "prod"),
            term("error", "contains", "timeout"),
            term("tool", "is", "lookup_order"),
        ),
        since_ms=NOW_MS - 7 * DAY_MS,
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("agent:front-desk", term("agent", "is", "front-desk")),
        ("Agent:front-desk", term("agent", "is", "front-desk")),
        ("status:failed,abandoned", term("status", "is", "failed", "abandoned")),
        ("-status:failed", term("status", "is", "failed", negated=True)),
        ("not status:failed", term("status", "is", "failed", negated=True)),
        ("NOT status:failed", term("status", "is", "failed", negated=True)),
        ("status!=failed", term("status", "is", "failed", negated=True)),
        ("-status!=failed", term("status", "is", "failed")),
        ("status:c*", term("status", "is", "c*")),
        ("tool:lookup*", term("tool", "is", "lookup*")),
        ("agent:~desk", term("agent", "contains", "desk")),
        ("agent~desk", term("agent", "contains", "desk")),
        ("agent=front-desk", term("agent", "is", "front-desk")),
        ('version:""', term("version", "is", "")),
        ('agent:"a, b",c', term("agent", "is", "a, b", "c")),
        ("agent:/^front/", term("agent", "matches", "^front")),
        ("agent:/^front/i", term("agent", "matches", "(?i)^front")),
        ("agent:客服", term("agent", "is", "客服")),
        ("error:timeout,refused", term("error", "contains", "timeout", "refused")),
        ('error:"timed out"', term("error", "contains", "timed out")),
        ("error:time*out", term("error", "is", "*time*out*")),
        ('error:"5 * 3"', term("error", "contains", "5 * 3")),
        ("error=timeout", term("error", "is", "timeout")),
        ("model:gpt-4.1", term("model", "contains", "gpt-4.1")),
        ("model=gpt-4*", term("model", "is", "gpt-4*")),
        ("reason:hung", term("reason", "contains", "hung")),
        ("caller:4567", term("caller", "contains", "4567")),
        ("label.env:prod", term("label.env", "is", "prod")),
        ("label.Env:prod", term("label.Env", "is", "prod")),
        ("LABEL.my-team:x", term("label.my-team", "is", "x")),
        ('label."my team":x', term("label.my team", "is", "x")),
        (r'label."a\"b":x', term('label.a"b', "is", "x")),
    ],
)
def test_a_field_of_words(text: str, found: Term) -> None:
    assert ask(text) == CallQuery(terms=(found,))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p95>1.5s", term("p95", "above", 1500.0)),
        ("p95:>1.5s", term("p95", "above", 1500.0)),
        ("p95>=1500ms", term("p95", "at_least", 1500.0)),
        ("p95<1.001s", term("p95", "below", 1001.0)),
        ("duration<=2m", term("duration", "at_most", 120_000.0)),
        ("duration:1h", term("duration", "is", 3_600_000.0)),
        ("wait>0", term("wait", "above", 0.0)),
        ("p95:1s..3s", term("p95", "between", 1000.0, 3000.0)),
        ("cost:0.1..0.5", term("cost", "between", 0.1, 0.5)),
        ("cost:0.1..", term("cost", "at_least", 0.1)),
        ("cost:..$.5", term("cost", "at_most", 0.5)),
        ("cost>$0.20", term("cost", "above", 0.2)),
        ("cost=0", term("cost", "is", 0.0)),
        ("-cost>0.20", term("cost", "above", 0.2, negated=True)),
        ("turns:3,5", term("turns", "is", 3.0, 5.0)),
        ("turns!=3", term("turns", "is", 3.0, negated=True)),
        ("stage.llm>1s", term("stage.llm", "above", 1000.0)),
    ],
)
def test_a_field_that_is_a_number(text: str, found: Term) -> None:
    assert ask(text) == CallQuery(terms=(found,))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("interrupted", term("interrupted", "present")),
        ("Interrupted", term("interrupted", "present")),
        ("-silent", term("silent", "present", negated=True)),
        ("has:recording", term("recorded", "present")),
        ("has:interrupted", term("interrupted", "present")),
        ("has:error", term("error", "present")),
        ("has:cost", term("cost", "present")),
        ("-has:cost", term("cost", "present", negated=True)),
        ("has:label.env", term("label.env", "present")),
        ('has:"label.my team"', term("label.my team", "present")),
        ('has:label."my team"', term("label.my team", "present")),
        (r'-has:Label."a\"b"', term('label.a"b', "present", negated=True)),
        ("has:stage.tool", term("stage.tool", "present")),
    ],
)
def test_a_condition_that_stands_alone(text: str, found: Term) -> None:
    assert ask(text) == CallQuery(terms=(found,))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("refund", [words("refund")]),
        ("refund order", [words("refund"), words("order")]),
        ('"cancel my order"', [words("cancel my order")]),
        ('"failed"', [words("failed")]),
        ('"status:failed"', [words("status:failed")]),
        (r'"she said \"no\" C:\\x \d"', [words(r'she said "no" C:\x \d')]),
        ("-refund", [words("refund", negated=True)]),
        ('not "my order"', [words("my order", negated=True)]),
        ('-caller_said:"my order"', [words("my order", where="caller", negated=True)]),
        ("text:refund", [words("refund")]),
        ("agent_said:sorry", [words("sorry", where="agent")]),
        ("tool_text:4412", [words("4412", where="tool")]),
        ("error_text:refused", [words("refused", where="error")]),
        ("hello,world", [words("hello,world")]),
        ("well-known don't 10:30 3.5..4 :)", [words(w) for w in ("well-known", "don't", "10:30", "3.5..4", ":)")]),
        ("nothing android", [words("nothing"), words("android")]),
        ("退款 zażółć 👍🏽 \u0645\u0631\u062d\u0628\u0627", [words(w) for w in ("退款", "zażółć", "👍🏽", "مرحبا")]),
        ("/refund(ed)?/i", [Words(text="refund(ed)?", regex=True)]),
        ("/refund(ed)?/", [Words(text="refund(ed)?", regex=True, ignore_case=False)]),
        (r"/a\/b \\/", [Words(text=r"a/b \\", regex=True, ignore_case=False)]),
        ("text:/one two/i", [Words(text="one two", regex=True)]),
        ("-agent_said:/sorry/", [Words(text="sorry", regex=True, ignore_case=False, where="agent", negated=True)]),
    ],
)
def test_words_to_look_for(text: str, found: list[Words]) -> None:
    assert ask(text) == CallQuery(words=tuple(found))


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("since:2026-11-20", "2026-11-20", None),
        ("since=yesterday", "2026-11-20", None),
        ("since:24h", "2026-11-20T10:00", None),
        ("until:2026-11-20", None, "2026-11-20"),
        ("since:2026-11-20T14:00+02:00", "2026-11-20T12:00", None),
        ("on:2026-11-20", "2026-11-20", "2026-11-21"),
        ("on:yesterday", "2026-11-20", "2026-11-21"),
        ("on:2026-10", "2026-10-01", "2026-11-01"),
        ("2026-11-18..2026-11-20", "2026-11-18", "2026-11-21"),
        ("on:2026-11-18..2026-11-20", "2026-11-18", "2026-11-21"),
        ("on:2026-11-18..2026-11-20T12:00", "2026-11-18", "2026-11-20T12:00"),
        ("2026-10..2026-11", "2026-10-01", "2026-12-01"),
        ("2026-10..", "2026-10-01", None),
        ("..2026-10-05", None, "2026-10-06"),
        ("on:yesterday..now", "2026-11-20", "2026-11-21T10:00"),
        ("since:2026-11-01 since:2026-11-05 until:2026-11-20 on:2026-11", "2026-11-05", "2026-11-20"),
        ("-since:2026-11-20", None, "2026-11-20"),
        ("not until:7d", "2026-11-14T10:00", None),
        ("-2026-10..", None, "2026-10-01"),
        ("-on:..2026-10-05", "2026-10-06", None),
        ("since:7d -since:1d", "2026-11-14T10:00", "2026-11-20T10:00"),
    ],
)
def test_when_calls_started(text: str, since: str | None, until: str | None) -> None:
    assert ask(text) == CallQuery(
        since_ms=None if since is None else ms(since), until_ms=None if until is None else ms(until)
    )


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("-on:2026-11-20", "2026-11-20", "2026-11-21"),
        ("not on:yesterday", "2026-11-20", "2026-11-21"),
        ("-on:2026-10", "2026-10-01", "2026-11-01"),
        ("-2026-11-18..2026-11-20", "2026-11-18", "2026-11-21"),
        ("-on:yesterday..now", "2026-11-20", "2026-11-21T10:00"),
    ],
)
def test_days_that_are_left_out_are_a_hole_in_time(text: str, first: str, end: str) -> None:
    query = ask(text)

    assert query == CallQuery(terms=(term("started", "between", float(ms(first)), float(ms(end) - 1), negated=True),))
    assert ask(unparse(query)) == query
    assert "-on:" in unparse(query)


def test_order_and_page() -> None:
    assert ask("sort:cost limit:20") == CallQuery(sort="cost", descending=False, limit=20)
    assert ask('sort:-worst cursor:"a,b c"') == CallQuery(sort="worst", cursor="a,b c")
    assert ask("sort:Started") == CallQuery(descending=False)


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("refund agnet:front-desk", 7, 'unknown field "agnet": did you mean agent?'),
        ("-agnet:x", 1, "did you mean agent?"),
        ("user:refund", 0, "did you mean caller_said?"),
        ("env:prod", 0, "did you mean environment?"),
        ("https://example.com", 8, "goes in quotes"),
        ("xyz=1", 0, "text with a sign such as : = > goes in quotes"),
        ("客户:x", 0, "unknown field"),
        ("stage.lm>1s", 0, "the stages are endpointing, transcription"),
        ("label.:x", 0, "write label.<name>"),
        ("status:faild", 7, "did you mean failed? It is one of in_progress, completed"),
        ("status:failed,xyz", 14, "one of in_progress, completed"),
        ("cost_status:free", 12, "priced, estimated, partial"),
        ("p95>2", 4, "a unit is missing: p95 is a time; write as in p95>1.5s"),
        ("p95>2d", 4, 'no unit "d": times are in ms, s, m or h'),
        ("p95:1s..3", 8, "a unit is missing"),
        ("p95:3s..1s", 4, "the range is empty: write the lower end first, 1s..3s"),
        ("cost:..", 5, "a range needs an end"),
        ("cost>0,20", 6, "a decimal point is a dot"),
        ("cost>abc", 5, '"abc" is no number'),
        ("cost>2s", 5, 'cost has no unit "s"'),
        ("turns>$3", 6, "turns is no amount of money"),
        ("turns>9999999999999999999", 6, "too large"),
        ("turns>-1", 6, "is no number"),
        ("turns:/x/", 6, "turns is a number"),
        ("turns:~3", 0, "turns is a number"),
        ("cost > 0.20", 5, "no space before or after >"),
        ("agent: front-desk", 6, "a value is missing here: write agent:value, without spaces"),
        ("agent:a,", 8, "a value is missing"),
        ("agent>b", 0, "agent is words"),
        ('error:""', 6, "a part of nothing"),
        ("agent:/a/,/b/", 9, "a pattern stands alone"),
        ("interrupted:yes", 0, "interrupted stands alone: write interrupted or -interrupted"),
        ("has:agnet", 4, "did you mean agent?"),
        ("has:since", 4, "write the name of a field"),
        ("has>cost", 0, "has takes a colon"),
        ("text>x", 0, "text takes a colon"),
        ("text:refund,cancel", 11, "text:/one|two/i"),
        ('text:" "', 5, "nothing to look for"),
        ('"refund', 0, 'a closing " is missing'),
        (r'"refund\"', 0, 'a closing " is missing'),
        ('5"', 1, "a space is missing here"),
        ('"a"b', 3, "a space is missing here"),
        ("/refund", 0, "a closing / is missing"),
        ("/usr/bin", 5, 'not "bin"'),
        ("//", 0, "the pattern is empty"),
        ("a /b(c/", 4, "the pattern is wrong here"),
        (r"/a\/b(c/", 5, "the pattern is wrong here"),
        ("/a{9999999999999}/", 0, "the pattern cannot be used"),
        ("x /" + "a" * 1001 + "/", 2, "at most 1000"),
        ("/" + "[a-z]" * 21 + "/", 0, "more than 20 sets"),
        ("- x", 0, "nothing follows"),
        ("x not", 2, "nothing follows"),
        ("not -x", 4, "negated twice"),
        ("--x", 1, "negated twice"),
        ("a OR b", 2, "OR is not needed"),
        ("(a b)", 0, "there are no brackets"),
        ("since:soon", 6, "'soon' is no time: write as in 2026-11-21, 2026-11-21T09:30"),
        ("since>7d", 0, "write since:value"),
        ("on:7d", 3, "'7d' is no day: write as in 2026-11-21, 2026-11, today or yesterday"),
        ("2026-11-20..2026-13-01", 0, "is no time"),
        ("since:today until:yesterday", 18, "no time is left"),
        ("since:7d -since:8d", 16, "no time is left"),
        ("-on:7d", 4, "'7d' is no day"),
        ("-on:2026-11-20..2026-11-18", 4, "the range is empty"),
        ("on:2026-11-20..2026-11-18", 3, "the range is empty"),
        ("-limit:7", 1, "cannot be negated"),
        ('has:label."my team', 10, 'a closing " is missing'),
        ('has:label.""', 4, "no call has"),
        ("sort:costs", 5, "did you mean cost? Calls are sorted by started"),
        ("-sort:cost", 1, "write sort:cost or sort:-cost"),
        ("sort:cost sort:p95", 10, "sort is there twice"),
        ("limit:0", 6, "from 1 to 1000"),
        ("limit:1001", 6, "from 1 to 1000"),
        ("limit:2 limit:3", 8, "limit is there twice"),
        ("a " * 101, 200, "more than 100 conditions"),
        ("id:" + "a," * 500 + "a", 1003, "more than 500 values"),
        ("a" * 10_001, 10_000, "at most 10000"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_column(text: str, column: int, told: str) -> None:
    with pytest.raises(SettingError) as caught:
        ask(text)

    assert isinstance(caught.value, QueryError)
    assert told in caught.value.problem
    assert caught.value.column == column
    assert caught.value.exit_code == 2


def test_what_means_nothing_to_who_asks_is_told_with_its_column() -> None:
    with pytest.raises(QueryError, match="sort means nothing here: there is one row") as caught:
        parse("refund sort:-cost", now_ms=NOW_MS, idle={"sort": "there is one row"})

    assert caught.value.column == 7
    assert parse("refund limit:3", now_ms=NOW_MS, idle={"sort": "there is one row"}).limit == 3


def test_the_message_shows_the_query_with_a_caret() -> None:
    with pytest.raises(QueryError) as caught:
        ask("refund agnet:front-desk")

    assert str(caught.value).splitlines() == [
        'unknown field "agnet": did you mean agent?',
        "  refund agnet:front-desk",
        "         ^",
    ]


def test_the_caret_counts_wide_characters_twice_and_accents_not_at_all() -> None:
    with pytest.raises(QueryError) as caught:
        ask("退款 e\N{COMBINING ACUTE ACCENT} agnet:x")

    assert str(caught.value).splitlines()[2] == "  " + " " * 7 + "^"


def test_a_long_query_is_shown_in_part_and_on_one_line() -> None:
    with pytest.raises(QueryError) as caught:
        ask("word\n\x1b[31m " * 20 + "agnet:x " + "word " * 20)

    _, shown, caret = str(caught.value).splitlines()
    assert shown.startswith("  …")
    assert shown.endswith("…")
    assert len(shown) < 100
    assert shown[caret.index("^") :].startswith("agnet:x")
    assert "\x1b" not in shown
