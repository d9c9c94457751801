"""What was said: the documents in which words occur, newest first, or those that are most about them.

A document is a turn, a tool's arguments or result, or an error. All words of a query have to occur in the call, as
all else has to fit it; a hit is a document with any of them. Documents are read in the order of their numbers, from
the newest on, until a page is full or the time is up: then the page says how far it looked, and the next one goes on
there. Texts are other people's: nothing here shows them, places in them are offsets.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.compile import (
    FROM,
    KINDS,
    call_numbers,
    compile_query,
    documents_of,
    loose_needle,
    outline_of,
    pattern_of,
    started_at_ms,
)
from callscope.index.deadline import Deadline, interrupting, is_of_a_function, was_interrupted
from callscope.index.extract import A_BLOCK
from callscope.index.globs import clean, like
from callscope.index.matching import snapshot
from callscope.index.numbers import DOCUMENT_BITS
from callscope.index.plan import as_rows, few_calls
from callscope.index.snippets import Span, snippet
from callscope.query.query import CallQuery, Words

_PIECE: Final = 4_000
"""Documents that are looked through at once where no index helps: some milliseconds."""
_RANKED: Final = 10_000
"""Documents that are ranked: the newest ones that hold the words."""
_AHEAD: Final = 60
"""Documents that are read before their calls are looked at."""
_APART: Final = 200
"""Calls that are looked through one by one; of more, what an index finds between the first and the last."""
_MAX_SPANS: Final = 50
_TURNS: Final = frozenset({"user", "assistant", "system", "tool"})
_MOMENTS: Final = """
    SELECT h.key,
        CASE json_extract(h.value, '$[1]') WHEN 1 THEN json_extract(b.turns, json_extract(h.value, '$[2]')) END,
        CASE json_extract(h.value, '$[1]')
            WHEN 1 THEN json_extract(b.turns, json_extract(h.value, '$[3]'))
            ELSE json_extract(b.events, json_extract(h.value, '$[2]'))
        END
    FROM json_each(?) AS h CROSS JOIN detail AS b ON b.id = json_extract(h.value, '$[0]')
"""
"""As the views ``turn`` and ``event`` say it, which look at every turn and event of a call."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One document in which something was found."""

    call_id: str
    path: str
    """The call's directory, below ``<root>/calls``."""
    started_at_ms: int
    """When the call began, in Unix milliseconds."""
    kind: str
    """``user``, ``assistant``, ``system``, ``tool`` (turns), ``arguments``, ``result``, ``error``."""
    turn_index: int | None
    """As the writer counted it; None of what is no turn."""
    ts_ms: int | None
    """The moment of the turn or the event, in Unix milliseconds."""
    snippet: str
    """About `callscope.index.snippets.LENGTH` characters around the hit, as they were written: not safe to print."""
    marks: tuple[tuple[int, int], ...]
    """Begin and end of each hit in ``snippet``."""
    rank: float | None = None
    """The lower, the better; None where the order is that of time."""


class HitPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some hits."""

    hits: tuple[Hit, ...]
    next: str | None
    """Cursor of the page that follows; None when everything was looked at, and where hits are ranked."""
    complete: bool
    """False: the time was up, or, of ranked hits, there are too many to rank."""
    reached_ms: int | None = None
    """How far it looked when it is not complete: about the start of the oldest call, in Unix milliseconds."""


class _Sought(NamedTuple):
    """Words to look for in a document."""

    words: Words
    match: str | None
    """For the trigram table: it may find more than these words are in."""
    marks: re.Pattern[str] | None
    """Where plain words are; None of a regular expression."""
    letters: str | None = None
    """Such words in small letters, if all of them are ASCII and nothing else means them, but for their case."""

    def spans(self, kind: str, text: str) -> list[Span] | None:
        """Where they are; None when they are not there. Raises `TimeoutError` when that took too long to find out."""
        kinds = KINDS[self.words.where]
        if kinds and kind not in kinds:
            return None
        if self.letters is not None and text.isascii():
            return _places(self.letters, text.lower()) or None
        if self.marks is not None:
            return [
                found.span() for found, _ in zip(self.marks.finditer(text), range(_MAX_SPANS), strict=False)
            ] or None
        expression = regex.expression(pattern_of(self.words))
        return expression.spans(text) if expression.matches(text) else None


class _Document(NamedTuple):
    """A row of ``document``, with how well it fits."""

    id: int
    kind: str
    seq: int
    text: str
    rank: float | None = None


class _Call(NamedTuple):
    """What is shown of a hit's call."""

    call_id: str
    path: str
    started_at_ms: int


class _Found(NamedTuple):
    document: _Document
    call: _Call
    spans: Sequence[Span]


def search(db: sqlite3.Connection, query: CallQuery, *, ranked: bool = False, seconds: float = 2.0) -> HitPage:
    """A page of hits.

    Args:
        db: see `callscope.index.database.readable`.
        query: the words, and all else that has to fit the calls; ``limit`` hits after ``cursor``. Its order of calls is
            of no account.
        ranked: the best hits first, whole words without accents counting; one page of them. Each hit has all the words.
        seconds: after this time, what was found is given.

    Raises:
        SettingError: there is nothing to look for, a regular expression cannot be used or ranked, a cursor is not of
            a search.
    """
    sought = [_sought(words, ranked=ranked) for words in query.words if not words.negated]
    if not sought:
        raise SettingError(
            'there is nothing to look for: write what was said, as in "cancel my"; calls are listed by ls'
        )
    regex.install(db)
    deadline = Deadline(seconds)
    page = _Search(db, query, sought, deadline, ranked=ranked)
    with snapshot(db):
        return page.ranked() if ranked else page.newest()


class _Search:
    """One page in the making."""

    def __init__(
        self, db: sqlite3.Connection, query: CallQuery, sought: list[_Sought], deadline: Deadline, *, ranked: bool
    ) -> None:
        self._db = db
        self._query = query
        self._sought = sought
        self._deadline = deadline
        self._first, self._last = documents_of(*call_numbers(query))
        if query.cursor is not None:
            self._last = min(self._last, _decoded(query.cursor) - 1)
        self._reached = self._last + 1
        """All documents from this one on were looked at."""
        self._fits: dict[int, _Call | None] = {}
        """What is told of calls that fit; None of those that do not."""
        others = query.words
        if ranked or len(sought) == 1:  # a hit has them
            others = tuple(words for words in query.words if words.negated)
        conditions = msgspec.structs.replace(query, words=others)
        self._conditions = compile_query(conditions, words=True, one_by_one=True)

    def newest(self) -> HitPage:
        found: list[_Found] = []
        complete = True
        try:
            with interrupting(self._db, self._deadline):
                for document in self._ahead(self._documents()):
                    hit, sure = self._tried(document)
                    complete = complete and sure
                    if hit is not None and len(found) == self._query.limit:
                        self._reached = found[-1].document.id
                        return self._page(found, follows=True, complete=complete)
                    if hit is not None:
                        found.append(hit)
                    self._reached = document.id
                    if self._deadline.passed:
                        return self._page(found, follows=True, complete=False)
        except sqlite3.OperationalError as error:
            if not was_interrupted(error):
                raise
            return self._page(found, follows=True, complete=False)
        return self._page(found, follows=False, complete=complete)

    def ranked(self) -> HitPage:
        match = " AND ".join(regex.quote(clean(each.words.text)) for each in self._sought)
        found: list[_Found] = []
        complete = True
        try:
            with interrupting(self._db, self._deadline):
                first = self._first_ranked(match)
                complete = first is None
                self._reached = self._first if first is None else first
                for document in self._asked(self._best(match, self._reached)):
                    hit, sure = self._tried(document)
                    complete = complete and sure
                    if hit is not None:
                        found.append(hit)
                    if len(found) == self._query.limit:
                        break
        except sqlite3.OperationalError as error:
            if not was_interrupted(error):
                raise
            complete = False
        return self._page(found, follows=False, complete=complete)

    def _tried(self, document: _Document) -> tuple[_Found | None, bool]:
        """A document as a hit, if it is one; and whether that is sure: not where a pattern takes too long."""
        try:
            return self._hit(document), True
        except TimeoutError:
            return None, False
        except sqlite3.OperationalError as error:
            if not is_of_a_function(error):
                raise
            return None, False

    def _first_ranked(self, match: str) -> int | None:
        """The oldest document that is ranked, when there are too many; else None."""
        row = self._db.execute(
            "SELECT rowid FROM document_word WHERE document_word MATCH ? AND rowid BETWEEN ? AND ? "
            "ORDER BY rowid DESC LIMIT 1 OFFSET ?",
            (match, self._first, self._last, _RANKED),
        ).fetchone()
        return None if row is None else int(row[0])

    def _best(self, match: str, first: int) -> Iterator[_Document]:
        rows = self._db.execute(
            "SELECT document.id, document.kind, document.seq, document.text, found.score FROM "
            "(SELECT rowid, bm25(document_word) AS score FROM document_word "  # sooner than its column `rank`
            "WHERE document_word MATCH ? AND rowid BETWEEN ? AND ? ORDER BY score LIMIT -1) AS found "
            "CROSS JOIN document ON document.id = found.rowid",
            (match, first, self._last),
        )
        return map(_Document._make, rows)

    def _documents(self) -> Iterator[_Document]:
        """Documents that may be hits, the newest first."""
        # Not by the only words: what they are in is walked through anyway.
        few = few_calls(self._db, self._conditions.sources, self._conditions.parameters)
        matches = [each.match for each in self._sought]
        match = " OR ".join(f"({each})" for each in matches) if all(matches) else None
        spans = iter([(self._first, self._last)])
        if few is not None and (match is None or len(few) <= _APART):
            spans = (documents_of(number, number) for number in sorted(few, reverse=True))
        elif few is not None:
            spans, few = iter([documents_of(min(few), max(few))]), None
        for begin, end in spans:
            first, last = max(begin, self._first), min(end, self._last)
            if first <= last and few is None and match is not None:
                yield from self._matching(match, first, last)
            elif first <= last and few is None:
                yield from self._in_pieces(first, last)
            elif first <= last:
                yield from self._holding(first, last)
            self._reached = min(self._reached, first)

    def _ahead(self, documents: Iterator[_Document]) -> Iterator[_Document]:
        """The same, some read ahead, so that their calls are asked about together."""
        late: sqlite3.OperationalError | None = None
        while late is None:
            some: list[_Document] = []
            try:
                some.extend(islice(documents, _AHEAD))
            except sqlite3.OperationalError as error:  # what came before it is looked at all the same
                late = error
            reached = self._reached
            if some:
                self._reached = some[0].id + 1
                self._ask_ahead(some)
                yield from some
            self._reached = min(self._reached, reached)
            if len(some) < _AHEAD:
                break
        if late is not None:
            raise late

    def _asked(self, documents: Iterator[_Document]) -> Iterator[_Document]:
        """The same, their calls asked about together, some at a time."""
        while some := list(islice(documents, _AHEAD)):
            self._ask_ahead(some)
            yield from some

    def _matching(self, match: str, first: int, last: int) -> Iterator[_Document]:
        holding, parameters = self._holds(closely=False)
        rows = self._db.execute(
            "SELECT document.id, document.kind, document.seq, document.text, NULL FROM document_trigram AS found "  # noqa: S608 -- values are bound
            f"CROSS JOIN document ON document.id = found.rowid AND ({holding}) "
            "WHERE document_trigram MATCH :match AND found.rowid BETWEEN :first AND :last ORDER BY found.rowid DESC",
            {**parameters, "match": match, "first": first, "last": last},
        )
        return map(_Document._make, rows)

    def _in_pieces(self, first: int, last: int) -> Iterator[_Document]:
        """Where the index cannot tell: a piece at a time, so that it is known how far that went."""
        while True:
            lowest = self._db.execute(
                "SELECT min(id) FROM (SELECT id FROM document WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?)",
                (first, last, _PIECE),
            ).fetchone()[0]
            if lowest is None:
                return
            yield from self._holding(lowest, last)
            self._reached = min(self._reached, lowest)
            last = lowest - 1

    def _holding(self, first: int, last: int) -> Iterator[_Document]:
        """The documents of a range in which the words may be."""
        holding, parameters = self._holds(closely=True)
        rows = self._db.execute(
            "SELECT id, kind, seq, text, NULL FROM document "  # noqa: S608 -- values are bound
            f"WHERE id BETWEEN :first AND :last AND ({holding}) ORDER BY id DESC",
            {**parameters, "first": first, "last": last},
        )
        return map(_Document._make, rows)

    def _holds(self, *, closely: bool) -> tuple[str, dict[str, str | int]]:
        """What is known of the text of a document with any of the words, and the values of that."""
        # Where the trigrams of an expression are, it mostly is: nothing more is asked than what it takes to know.
        outlines = [outline_of(each.words) if closely or not each.words.regex else None for each in self._sought]
        globs = {f"glob{number}": pattern for number, pattern in enumerate(outlines) if pattern is not None}
        likes = {f"like_{name}": like(pattern) for name, pattern in globs.items()}
        more = " AND document.text GLOB :{}" if closely else ""
        either = [f"(document.text LIKE :like_{name}{more.format(name)})" for name in globs]
        return " OR ".join(either) if len(either) == len(outlines) else "1", {**globs, **likes}

    def _hit(self, document: _Document) -> _Found | None:
        """What was found in a document; None when it is no hit, or its call does not fit."""
        call = self._call(document.id >> DOCUMENT_BITS)
        if call is None:
            return None
        spans: list[Span] = []
        hit = document.rank is not None and all(
            not kinds or document.kind in kinds for kinds in (KINDS[each.words.where] for each in self._sought)
        )
        for each in self._sought:
            places = each.spans(document.kind, document.text)
            hit = hit or (places is not None and document.rank is None)
            spans += places or ()
        return _Found(document, call, _apart(spans)) if hit else None

    def _call(self, number: int) -> _Call | None:
        """What is told of a call if it fits."""
        if number not in self._fits:
            self._ask_about({number})
        return self._fits[number]

    def _ask_ahead(self, documents: list[_Document]) -> None:
        """The same of the calls of documents; where that takes too long, each is asked about when it is met."""
        try:
            self._ask_about({document.id >> DOCUMENT_BITS for document in documents})
        except sqlite3.OperationalError as error:
            if not is_of_a_function(error):
                raise

    def _ask_about(self, numbers: set[int]) -> None:
        """Find out which of some calls fit."""
        unknown = numbers - self._fits.keys()
        statement = (
            "SELECT c.id, c.call_id, c.path, c.started_at_ms "  # noqa: S608 -- from the compiler
            f"FROM json_each(:few) AS few CROSS JOIN {FROM} WHERE c.id = few.value AND {self._conditions.where}"
        )
        rows = self._db.execute(statement, {**self._conditions.parameters, "few": as_rows(sorted(unknown))})
        fitting = {number: _Call(*told) for number, *told in rows}
        self._fits.update((number, fitting.get(number)) for number in unknown)

    def _page(self, found: list[_Found], *, follows: bool, complete: bool = True) -> HitPage:
        moments = self._moments([each.document for each in found])
        return HitPage(
            hits=tuple(_shown(each, *moments.get(place, (None, None))) for place, each in enumerate(found)),
            next=str(self._reached) if follows else None,
            complete=complete,
            reached_ms=None if complete else started_at_ms(self._reached),
        )

    def _moments(self, documents: list[_Document]) -> dict[int, tuple[int | None, int | None]]:
        """The index and the moment of the turn, or the moment of the event, of each that is of one; by its place."""
        told = []
        for document in documents:
            row, at = divmod(document.seq, A_BLOCK)
            number = ((document.id >> DOCUMENT_BITS) << DOCUMENT_BITS) + row
            told.append((number if row >= 0 else None, document.kind in _TURNS, f"$[{at}][0]", f"$[{at}][1]"))
        rows = self._db.execute(_MOMENTS, (msgspec.json.encode(told).decode(),))
        return {place: (turn_index, ts_ms) for place, turn_index, ts_ms in rows}


def _shown(found: _Found, turn_index: int | None, ts_ms: int | None) -> Hit:
    document = found.document
    text, marks = snippet(document.text, found.spans)
    return Hit(
        call_id=found.call.call_id,
        path=found.call.path,
        started_at_ms=found.call.started_at_ms,
        kind=document.kind,
        turn_index=turn_index,
        ts_ms=ts_ms,
        snippet=text,
        marks=marks,
        rank=document.rank,
    )


def _sought(words: Words, *, ranked: bool) -> _Sought:
    if words.regex:
        if ranked:
            raise SettingError("hits of a regular expression cannot be ranked: look for them newest first")
        return _Sought(words, loose_needle(words), None)
    text = clean(words.text)
    pattern = r"\W+".join(map(re.escape, re.findall(r"\w+", text))) if ranked else ""
    letters = text.lower() if text and text.isascii() and not ranked else None
    return _Sought(words, loose_needle(words), re.compile(pattern or re.escape(text), re.IGNORECASE), letters)


def _places(letters: str, text: str) -> list[Span]:
    """Where some letters are, from left to right, none twice."""
    places: list[Span] = []
    at = text.find(letters)
    while at >= 0 and len(places) < _MAX_SPANS:
        end = at + len(letters)
        places.append((at, end))
        at = text.find(letters, end)
    return places


def _apart(spans: list[Span]) -> list[Span]:
    """The same places in order, those that overlap as one."""
    apart: list[Span] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _decoded(cursor: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", cursor):
        raise SettingError("the cursor is not one that a search gave: begin with the first page")
    return max(-(1 << 63) + 1, min(int(cursor), (1 << 63) - 1))
