"""Search finds what ``in`` finds, says where, and ends in time whatever is looked for."""

from __future__ import annotations

import re
import time
import unicodedata
from typing import Any

import msgspec
import pytest
import regex as regex_package
from hypothesis import example, given, settings
from hypothesis import strategies as st
from recorded import START_MS, Recorded, fits, fold, index_of, occurs

from callscope.errors import SettingError
from callscope.index import plan, regex
from callscope.index import search as searching
from callscope.index.calls import calls
from callscope.index.globs import glob, like
from callscope.index.search import Hit, search
from callscope.index.snippets import LENGTH, snippet
from callscope.query.query import CallQuery, Term, Words

LATER = (
    "CHEROKEE",
    "GLAGOLITIC",
    "COPTIC",
    "GEORGIAN",
    "LATIN",
    "CYRILLIC",
    "OSAGE",
    "VITHKUQI",
    "WARANG",
    "OLD HUNGARIAN",
    "MEDEFAIDRIN",
    "ADLAM",
    "GREEK",
)
LETTERS = st.text(alphabet="abcABC 退款取消żŻ👍\"*'^-", max_size=12)
HOSTILE = [
    '"',
    '""',
    "NEAR(a b)",
    "a*",
    "^a",
    "-a",
    "a AND b",
    "OR",
    "text : a",
    "{text}",
    "(",
    ")",
    "a\0b",
    "\0",
    "'",
    "';--",
    "%",
    "_",
    "\\",
    "\ud800",
    "+",
    ",",
]


def of(*texts: str, kind: str = "user") -> Recorded:
    return Recorded(name="call", documents=tuple((kind, text) for text in texts))


def all_hits(db: Any, query: CallQuery) -> list[Hit]:
    found: list[Hit] = []
    cursor = None
    while True:
        page = search(db, msgspec.structs.replace(query, cursor=cursor), seconds=60)
        assert page.complete
        assert len(page.hits) <= query.limit
        found += page.hits
        cursor = page.next
        if cursor is None:
            return found
        assert len(page.hits) == query.limit


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["user", "assistant", "result", "error"]), LETTERS), max_size=4), max_size=4
    ),
    st.lists(LETTERS.filter(bool), min_size=1, max_size=2),
    st.sampled_from(["anywhere", "caller", "tool"]),
    st.sampled_from([0, 2_000]),
)
def test_hits_are_the_documents_in_which_the_words_are(
    documents: list[list[tuple[str, str]]], texts: list[str], where: Any, few: int
) -> None:
    recorded = [
        Recorded(name=f"c{number}", started_at_ms=START_MS + 1000 * number, documents=tuple(said))
        for number, said in enumerate(documents)
    ]
    db = index_of(recorded)
    words = tuple(Words(text=text, where=where) for text in texts)
    query = CallQuery(words=words, limit=2)
    expected = [
        (call.path, kind, text)
        for call in reversed(recorded)
        if fits(call, query)
        for kind, text in call.documents
        if any(occurs(each, kind, text) for each in words)
    ]
    kept = plan.FEW
    plan.FEW = few  # type: ignore[misc]
    try:
        found = [(hit.path, hit.kind, hit.snippet) for hit in all_hits(db, query)]
    finally:
        plan.FEW = kept  # type: ignore[misc]

    assert sorted(found) == sorted(expected)
    paths = [path for path, _, _ in found]
    assert paths == sorted(paths, reverse=True), "newest first"


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_looked_for_as_they_are(word: str) -> None:
    stored = word.replace("\0", "\ufffd").replace("\ud800", "\ufffd\ufffd\ufffd")
    db = index_of([of(f"before {stored} after", "nothing of it here")])
    query = CallQuery(words=(Words(text=f"before {word} after"),))

    for ranked in (False, True):
        page = search(db, query, ranked=ranked)
        assert [hit.snippet for hit in page.hits] == [f"before {stored} after"]
    assert len(search(db, CallQuery(words=(Words(text=word),))).hits) >= 1
    search(db, CallQuery(words=(Words(text=word),)), ranked=True)


def test_words_whose_pieces_are_there_but_not_together_are_no_hit() -> None:
    texts = ["a horse of cou and worse", "Of course!", "of cour se, rse", "the then the"]
    db = index_of([of(*texts)])

    def found(*words: str) -> list[str]:
        return [hit.snippet for hit in search(db, CallQuery(words=tuple(Words(text=word) for word in words))).hits]

    assert found("of course") == ["Of course!"]
    assert found("of course", "horse of") == ["Of course!", texts[0]]
    assert found("the the the") == []
    assert found("the then the") == ["the then the"]


def test_very_long_words_are_an_error() -> None:
    with pytest.raises(SettingError, match="2,000"):
        search(index_of([]), CallQuery(words=(Words(text="x" * 10_000),)))


def test_two_thousand_characters_are_found() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(2_000))
    db = index_of([of(f"{text} and more")])

    assert len(search(db, CallQuery(words=(Words(text=text),))).hits) == 1


def test_a_hit_says_where_and_when_it_was() -> None:
    db = index_of([of("hello", "I want a REFUND, a refund!")])
    (hit,) = search(db, CallQuery(words=(Words(text="refund"),))).hits

    assert (hit.call_id, hit.path, hit.kind, hit.turn_index, hit.ts_ms) == (
        "call", "2026/11/21/call", "user", 11, START_MS + 1000,
    )  # fmt: skip
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["REFUND", "refund"]
    assert hit.rank is None


def test_a_hit_in_a_tool_has_the_moment_of_its_event() -> None:
    call = Recorded(name="call", events=("tool_call",), documents=(("arguments", '{"order": 4412}'),))
    (hit,) = search(index_of([call]), CallQuery(words=(Words(text="4412", where="tool"),))).hits

    assert (hit.kind, hit.turn_index, hit.ts_ms) == ("arguments", None, START_MS + 500)


def test_a_call_has_all_the_words_a_hit_has_any() -> None:
    db = index_of([
        Recorded(name="both", documents=(("user", "cancel it"), ("assistant", "the order"), ("user", "thanks"))),
        Recorded(name="one", documents=(("user", "cancel it"),)),
    ])  # fmt: skip
    hits = search(db, CallQuery(words=(Words(text="cancel"), Words(text="order")))).hits

    assert [(hit.call_id, hit.snippet) for hit in hits] == [("both", "the order"), ("both", "cancel it")]


def test_everything_else_of_the_query_has_to_fit_the_call() -> None:
    db = index_of([
        Recorded(name="a", agent="desk", documents=(("user", "a refund"),)),
        Recorded(name="b", agent="shop", documents=(("user", "a refund"),)),
        Recorded(name="c", agent="desk", documents=(("user", "a refund"), ("user", "sorry"))),
        Recorded(name="d", agent="desk", started_at_ms=START_MS - 1000, documents=(("user", "a refund"),)),
    ])  # fmt: skip
    desk = Term(field="agent", op="is", values=("desk",))
    words = (Words(text="refund"), Words(text="sorry", negated=True))
    page = search(db, CallQuery(words=words, terms=(desk,), since_ms=START_MS))

    assert [hit.call_id for hit in page.hits] == ["a"]


def test_without_words_there_is_nothing_to_look_for() -> None:
    for words in ((), (Words(text="x", negated=True),)):
        with pytest.raises(SettingError, match="nothing to look for"):
            search(index_of([]), CallQuery(words=words))


@pytest.mark.parametrize("cursor", ["", "x", "1.5", "99999999999999999999", "\ud800", "٣"])
def test_a_cursor_that_no_search_gave_is_an_error(cursor: str) -> None:
    with pytest.raises(SettingError, match="cursor"):
        search(index_of([]), CallQuery(words=(Words(text="abc"),), cursor=cursor))


def test_calls_that_arrive_between_two_pages_neither_repeat_nor_hide_a_hit() -> None:
    db = index_of([Recorded(name=f"c{number}", documents=(("user", "refund"),)) for number in range(4)])
    query = CallQuery(words=(Words(text="refund"),), limit=2)
    first = search(db, query)
    from recorded import put

    put(db, [Recorded(name="new", documents=(("user", "refund"),))])
    second = search(db, msgspec.structs.replace(query, cursor=first.next))

    assert [hit.call_id for hit in first.hits + second.hits] == ["c3", "c2", "c1", "c0"]


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
@pytest.mark.parametrize("words", [Words(text="退款"), Words(text="退.", regex=True)])
def test_looking_piece_by_piece_leaves_nothing_out(piece: int, words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_PIECE", piece)
    db = index_of(
        [
            Recorded(name=f"c{number}", documents=(("user", "退款"), ("user", "no"), ("user", "退款")))
            for number in range(4)
        ]
    )

    assert [hit.call_id for hit in all_hits(db, CallQuery(words=(words,), limit=3))] == [
        "c3",
        "c3",
        "c2",
        "c2",
        "c1",
        "c1",
        "c0",
        "c0",
    ]


# Regular expressions


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*a){20}$", "(x+x+)+y|(a|b|ab)*c", r"(\w+\s?)*$!", "(a?){40}a{40}$"]
)
def test_a_hostile_pattern_ends_in_time(pattern: str) -> None:
    db = index_of([of(*["a" * 60 + "!"] * 50)])
    started = time.perf_counter()
    page = search(db, CallQuery(words=(Words(text=pattern, regex=True),)), seconds=0.5)

    assert time.perf_counter() - started < 10, "far more than it takes, far less than for ever"
    assert page.complete or page.next is not None


def test_a_page_that_ran_out_of_time_says_so_and_the_next_goes_on_behind_it() -> None:
    db = index_of([
        Recorded(name="old", started_at_ms=START_MS - 60_000, documents=(("user", "ab!"),)),
        Recorded(name="new", documents=(("user", "a" * 60 + "!"),)),
    ])  # fmt: skip
    query = CallQuery(words=(Words(text="(a|a)*b?!$", regex=True),), limit=5)
    found: list[str] = []
    unsure = False
    page = search(db, query, seconds=0.1)
    for _ in range(10):
        unsure = unsure or not page.complete
        assert page.complete or page.reached_ms is not None
        found += [hit.call_id for hit in page.hits]
        if page.next is None:
            break
        page = search(db, msgspec.structs.replace(query, cursor=page.next), seconds=0.1)

    assert "old" in found
    assert unsure or "new" in found


@pytest.mark.parametrize(
    "pattern", ["(", "[", "a{2,1}", "(?P<x>", "*", "x" * 1_001, "(" * 500 + "a" + ")" * 500, r"\y"]
)
def test_a_wrong_pattern_is_an_error(pattern: str) -> None:
    with pytest.raises(SettingError, match="regular expression"):
        search(index_of([]), CallQuery(words=(Words(text=pattern, regex=True),)))


def test_a_pattern_cannot_be_ranked() -> None:
    with pytest.raises(SettingError, match="ranked"):
        search(index_of([]), CallQuery(words=(Words(text="a", regex=True),)), ranked=True)


def test_a_pattern_that_matches_nothing_at_all_matches_everything() -> None:
    (hit,) = search(index_of([of("hello")]), CallQuery(words=(Words(text="x*", regex=True),))).hits

    assert (hit.snippet, hit.marks) == ("hello", ())


PARTS = st.sampled_from([
    "refund", "ed", "(ed)?", "退款", "Ist", "ship+ing", "[rR]e",
    ".", ".*", "(?:a|bcd|)", "(abc|abd|xyz)", "a{2,}", "b{0,2}",
    r"\d+", "^", "$", "(?=ref)", "(?!x)",
    "(?i:KEY)", "доставка", "straße", "ſun", "{", "x{e<=1}", "[[:alpha:]", r"\bfoo\b", "(?>ab)", "c++", "K",
])  # fmt: skip
SAID = st.sampled_from([
    "refund", "refunded", "REFUND", "退款", "istanbul", "İSTANBUL", "ısT", "shipping", "shippping", "aabcd", "abd",
    "key", "KEY", "доставка", "ДОСТАВКА", "ᲁoставка",
    "дᲂᲃтаᲀка", "STRASSE", "straße", "STRAẞE", "sun", "ſun", "x{e<=1}", "x", "foo", "{", "12", ":a]", "K", "k", "ab",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(PARTS, min_size=1, max_size=4).map("".join),
    st.lists(SAID, max_size=4).map(" ".join),
    st.sampled_from(["", "i"]),
)
@example("Ist", "İSTANBUL", "i")
@example("доставка", "дᲂᲃтаᲀка", "i")
def test_what_a_document_must_hold_holds_in_every_match(pattern: str, text: str, flag: str) -> None:
    try:
        expression = regex.expression(pattern, ignore_case=flag == "i")
    except SettingError:
        return
    needle = regex.required(pattern)
    if needle is None or not expression.matches(text):
        return
    db = index_of([of(text)])

    assert db.execute("SELECT count(*) FROM document_trigram WHERE document_trigram MATCH ?", (needle,)).fetchone() == (
        1,
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=4).map("".join), st.lists(SAID, max_size=4).map(" ".join))
def test_a_pattern_means_what_it_means_in_python(pattern: str, text: str) -> None:
    try:
        expression = regex.expression(pattern)
    except SettingError:
        return

    assert expression.matches(text) == (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "needle"),
    [
        ("refund", '("refund")'),
        ("refund(ed)?", '("refund")'),
        ("re.und", '("und")'),
        ("a|b", None),
        ("abc|def", '((("abc")) OR (("def")))'),
        ("(?:abc)*", None),
        ("(?:abc)+", '(("abc"))'),
        ("(?!abc)", None),
        ("ab", None),
        (".*", None),
        ("", None),
        ('a"bc', '("a""bc")'),
    ],
)
def test_the_letters_that_a_pattern_cannot_do_without(pattern: str, needle: str | None) -> None:
    assert regex.required(pattern) == needle


def test_letters_that_are_relied_upon_fold_alike_in_the_index_and_in_patterns() -> None:
    """Every letter of Unicode: what `regex` takes for the same without case, the prefilter finds."""
    letters = [chr(code) for code in range(0x20, 0x1F000) if not 0xD800 <= code < 0xE000]
    whole = "".join(letters)
    groups: dict[str, set[str]] = {}
    for letter in letters:
        if regex._is_relied_upon(letter) and (letter.lower() != letter or letter.upper() != letter):
            same = regex_package.compile(regex_package.escape(letter), regex_package.IGNORECASE)
            groups[letter] = set(same.findall(whole))
    db = index_of([of(*{f"xx{other}xx" for others in groups.values() for other in others})])

    assert len(groups) > 250
    for letter, others in groups.items():
        needle = regex.required(f"xx{letter}xx")
        rows = db.execute(
            "SELECT text FROM document WHERE id IN (SELECT rowid FROM document_trigram WHERE document_trigram MATCH ?)",
            (needle,),
        )
        assert {text[2] for (text,) in rows} >= others, letter
        outline = regex.outline(f"(?i)xx{letter}xx")
        assert outline is not None
        rows = db.execute("SELECT text FROM document WHERE text LIKE ? AND text GLOB ?", (like(outline), outline))
        assert {text[2] for (text,) in rows} >= others, letter


def test_plain_words_fold_alike_in_the_index_and_without_it() -> None:
    """Every letter of Unicode, but for those that got a second case after the index's folding was made."""
    letters = [chr(code) for code in range(0x20, 0x1F000) if not 0xD800 <= code < 0xE000]
    cased = [letter for letter in letters if letter.lower() != letter or letter.upper() != letter]
    db = index_of([of(*(f"xx{letter}xx" for letter in cased))])
    differ = 0
    for letter in cased:
        match = "SELECT rowid FROM document_trigram WHERE document_trigram MATCH ? ORDER BY rowid"
        indexed = db.execute(match, (regex.quote(f"xx{letter}xx"),)).fetchall()
        globbed = db.execute(
            "SELECT id FROM document WHERE text GLOB ? ORDER BY id", (glob(f"xx{letter}xx"),)
        ).fetchall()
        if indexed != globbed:
            differ += 1
            assert ord(letter) > 0x24F, letter
            assert unicodedata.name(letter).startswith(LATER), letter

    assert differ < 850


# Ranking and snippets


def test_ranked_hits_come_best_first() -> None:
    db = index_of(
        [of("the order is late and the weather is bad and so on and on", "order order", *["nothing else"] * 9)]
    )
    page = search(db, CallQuery(words=(Words(text="order"),)), ranked=True)

    assert [hit.snippet[:11] for hit in page.hits] == ["order order", "the order i"]
    assert page.complete
    assert page.next is None
    ranks = [hit.rank for hit in page.hits if hit.rank is not None]
    assert ranks == sorted(ranks)
    assert len(ranks) == 2


def test_ranked_hits_have_all_the_words_without_accents_counting() -> None:
    db = index_of([of("a café and an order", "an order", "a cafe")])
    page = search(db, CallQuery(words=(Words(text="cafe"), Words(text="order"))), ranked=True)

    assert [hit.snippet for hit in page.hits] == ["a café and an order"]


def test_ranked_hits_fit_the_rest_of_the_query() -> None:
    db = index_of([
        Recorded(name="a", documents=(("user", "my order"),)),
        Recorded(name="b", documents=(("assistant", "your order"),)),
        Recorded(name="c", documents=(("user", "an order"), ("user", "sorry"))),
    ])  # fmt: skip
    words = (Words(text="order", where="caller"), Words(text="sorry", negated=True))

    assert [hit.call_id for hit in search(db, CallQuery(words=words), ranked=True).hits] == ["a"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab \n退", max_size=600), st.integers(0, 600), st.integers(1, 300))
def test_a_snippet_shows_the_hit_and_marks_it(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    shown, marks = snippet(text, [(start, end)] if end > start else [])

    assert len(shown) <= LENGTH + 2 + 160
    assert shown.removeprefix("…").removesuffix("…") in text
    if end > start:
        begin, stop = marks[0]
        assert text[start:end].startswith(shown[begin:stop])
        assert stop - begin == min(end - start, stop - begin)
        assert stop > begin


def test_a_snippet_is_cut_between_words() -> None:
    text = "word " * 100 + "refund" + " word" * 100
    shown, ((begin, end),) = snippet(text, [(500, 506)])

    assert shown[begin:end] == "refund"
    assert shown.startswith("…word ")
    assert shown.endswith(" word…")
    assert fold(shown) == shown
    assert len(shown) <= LENGTH + 2


def test_the_same_words_find_the_same_calls_in_the_list() -> None:
    db = index_of(
        [
            Recorded(name=f"c{number}", documents=(("user", text),))
            for number, text in enumerate(["refund", "退款", "REfundED", "no"])
        ]
    )
    for words in (Words(text="refund"), Words(text="退款"), Words(text="refund(ed)?$", regex=True)):
        query = CallQuery(words=(words,))

        assert {hit.call_id for hit in all_hits(db, query)} == {row.call_id for row in calls(db, query).calls}
