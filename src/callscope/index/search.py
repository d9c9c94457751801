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
    needle,
    outline_of,
    pattern_of,
    started_at_ms,
)
from callscope.index.deadline import Deadline, interrupting, is_of_a_function, was_interrupted
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
    """For the trigram table."""
    marks: re.Pattern[str] | None
    """Where plain words are; None of a regular expression."""

    def spans(self, kind: str, text: str) -> list[Span] | None:
        """Where they are; None when they are not there. Raises `TimeoutError` when that took too long to find out."""
        kinds = KINDS[self.words.where]
        if kinds and kind not in kinds:
            return None
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


class _Found(NamedTuple):
    document: _Document
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
        self._fits: dict[int, bool] = {}
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
                for document in self._best(match, self._reached):
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
            "SELECT document.id, document.kind, document.seq, document.text, found.rank FROM (SELECT rowid, rank "
            "FROM document_word WHERE document_word MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rank LIMIT -1) AS found "
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
                self._ask_about({document.id >> DOCUMENT_BITS for document in some})
                yield from some
            self._reached = min(self._reached, reached)
            if len(some) < _AHEAD:
                break
        if late is not None:
            raise late

    def _matching(self, match: str, first: int, last: int) -> Iterator[_Document]:
        rows = self._db.execute(
            "SELECT document.id, document.kind, document.seq, document.text, NULL FROM document_trigram AS found "
            "CROSS JOIN document ON document.id = found.rowid "
            "WHERE document_trigram MATCH ? AND found.rowid BETWEEN ? AND ? ORDER BY found.rowid DESC",
            (match, first, last),
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
        outlines = [outline_of(each.words) for each in self._sought]
        globs = {f"glob{number}": pattern for number, pattern in enumerate(outlines) if pattern is not None}
        likes = {f"like_{name}": like(pattern) for name, pattern in globs.items()}
        either = [f"(text LIKE :like_{name} AND text GLOB :{name})" for name in globs]
        is_any = " OR ".join(either) if len(either) == len(outlines) else "1"
        rows = self._db.execute(
            "SELECT id, kind, seq, text, NULL FROM document "  # noqa: S608 -- values are bound
            f"WHERE id BETWEEN :first AND :last AND ({is_any}) ORDER BY id DESC",
            {**globs, **likes, "first": first, "last": last},
        )
        return map(_Document._make, rows)

    def _hit(self, document: _Document) -> _Found | None:
        """What was found in a document; None when it is no hit, or its call does not fit."""
        spans: list[Span] = []
        hit = document.rank is not None and all(
            not kinds or document.kind in kinds for kinds in (KINDS[each.words.where] for each in self._sought)
        )
        for each in self._sought:
            places = each.spans(document.kind, document.text)
            hit = hit or (places is not None and document.rank is None)
            spans += places or ()
        if not hit or not self._call_fits(document.id >> DOCUMENT_BITS):
            return None
        return _Found(document, _apart(spans))

    def _ask_about(self, numbers: set[int]) -> None:
        """Find out which of some calls fit."""
        unknown = numbers - self._fits.keys()
        statement = (
            f"SELECT c.id FROM json_each(:few) AS few CROSS JOIN {FROM} WHERE c.id = few.value "  # noqa: S608 -- from the compiler
            f"AND {self._conditions.where}"
        )
        rows = self._db.execute(statement, {**self._conditions.parameters, "few": as_rows(sorted(unknown))})
        fitting = {number for (number,) in rows}
        self._fits.update((number, number in fitting) for number in unknown)

    def _call_fits(self, number: int) -> bool:
        fits = self._fits.get(number)
        if fits is None:
            statement = f"SELECT 1 FROM {FROM} WHERE c.id = :call AND {self._conditions.where}"  # noqa: S608 -- from the compiler
            row = self._db.execute(statement, {**self._conditions.parameters, "call": number}).fetchone()
            fits = self._fits[number] = row is not None
        return fits

    def _page(self, found: list[_Found], *, follows: bool, complete: bool = True) -> HitPage:
        return HitPage(
            hits=tuple(self._shown(each) for each in found),
            next=str(self._reached) if follows else None,
            complete=complete,
            reached_ms=None if complete else started_at_ms(self._reached),
        )

    def _shown(self, found: _Found) -> Hit:
        document = found.document
        number = document.id >> DOCUMENT_BITS
        call_id, path, call_started_at_ms = self._db.execute(
            "SELECT call_id, path, started_at_ms FROM call WHERE id = ?", (number,)
        ).fetchone()
        turn_index: int | None = None
        ts_ms: int | None = None
        table = "turn" if document.kind in _TURNS else "event"
        columns = "turn_index, ts_ms" if table == "turn" else "NULL, ts_ms"
        row = self._db.execute(
            f"SELECT {columns} FROM {table} WHERE call = ? AND seq = ?",  # noqa: S608 -- names of ours
            (number, document.seq),
        ).fetchone()
        if row is not None:
            turn_index, ts_ms = row
        text, marks = snippet(document.text, found.spans)
        return Hit(
            call_id=call_id,
            path=path,
            started_at_ms=call_started_at_ms,
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
        return _Sought(words, needle(words), None)
    text = clean(words.text)
    pattern = r"\W+".join(map(re.escape, re.findall(r"\w+", text))) if ranked else ""
    return _Sought(words, needle(words), re.compile(pattern or re.escape(text), re.IGNORECASE))


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
