"""A query as SQL: the only module that makes it. Values are always bound, never part of the text.

A call's number holds the second of its start, a document's number that of its call, so a stretch of time is a range
of numbers, also inside ``MATCH``, where it saves the reading of everything else. A second that is full goes on in the
next, so the range is an hour longer than the time; the time itself is compared, too.

``*`` stands for any characters. Text is compared without case in every script: ASCII with ``NOCASE``, which indexes
know, all else with `globs`.
"""

# ruff: noqa: S608 -- SQL is made here; values are bound, all else are names of ours

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.globs import clean, glob, like
from callscope.index.numbers import DOCUMENT_BITS, EPOCH_S, LAST_S, NUMBERS_A_SECOND, SLACK_S
from callscope.query.query import FLAGS, NUMBERS, STAGES, STARTED, CallQuery, Term, Where, Words

Parameter = str | int | float

FROM: Final = "call AS c JOIN dimensions AS d ON d.id = c.dimensions"
"""What the conditions are about."""
KINDS: Final[dict[Where, tuple[str, ...]]] = {
    "anywhere": (),
    "caller": ("user",),
    "agent": ("assistant",),
    "tool": ("arguments", "result", "tool"),
    "error": ("error",),
}
"""The kinds of documents that are looked at; all of them when none is given."""
TRIGRAM: Final = 3
"""Characters that a needle has at least, for the trigram table to find it."""
MAX_NEEDLE: Final = 2_000
"""Characters of words that are looked for."""

_FIRST_S: Final = -(1 << 31)
_LAST_DOCUMENT: Final = (1 << DOCUMENT_BITS) - 1
_NOTHING_ELSE: Final = "1"

_OF_CALL: Final = {
    STARTED: "c.started_at_ms",
    "duration": "c.duration_ms",
    "turns": "c.turns",
    "exchanges": "c.exchanges",
    "unanswered": "c.unanswered",
    "interruptions": "c.interruptions",
    "errors": "c.errors",
    "p50": "c.p50_ms",
    "p95": "c.p95_ms",
    "p99": "c.p99_ms",
    "worst": "c.worst_ms",
    "cost": "c.cost_usd",
    "unpriced": "c.unpriced",
    "lost": "c.lost",
    "direction": "c.direction",
    "caller": "c.caller",
    "callee": "c.callee",
    "telephony": "c.telephony_provider",
    "id": "c.call_id",
    "trace": "c.trace_id",
    "reason": "c.end_reason",
    "cost_status": "c.cost_status",
}
_OF_DIMENSIONS: Final = {name: f"d.{name}" for name in ("agent", "version", "mode", "status", "environment")}
_OF_SEVERAL: Final = {
    "tool": (("tool", ("name",)),),
    "fingerprint": (("error", ("fingerprint",)),),
    "error": (("error", ("message", "exception_type", "category")),),
}
"""Of what a call may have several of: the tables, and the columns of which one has to fit."""
_OF_SETS: Final = {
    "event": ("event_types", "event_type", "type"),
    "service": ("services", "service", "service"),
    "provider": ("services", "service", "provider"),
    "model": ("services", "service", "model"),
    "silence": ("event_types", "event_type", "iif(type LIKE 'silence/%', substr(type, 9), NULL)"),
}
"""Of what calls have sets, each stored once: the column that names the set, a view of its members, their column."""
_ALSO_OF_CALL: Final = {"provider": "d.provider", "model": "d.model", "error": "c.error"}
_ON_ERRORS: Final = frozenset({"error", "fingerprint"})
_SLOW: Final = frozenset(
    {
        "unpriced", "lost", "direction", "callee", "telephony", "trace", "reason", "cost_status",
    }
)  # fmt: skip
"""Fields without an index."""
_MOSTLY_NONE: Final = frozenset({"unanswered", "interruptions", "errors"})
"""Counts whose index holds the calls that have some."""
_FLAGS: Final = {
    "interrupted": "c.interruptions > 0",
    "silent": "c.unanswered > 0",
    "failed": "c.errors > 0 OR c.status = 'failed' OR EXISTS (SELECT 1 FROM tool WHERE call = c.id AND failed > 0)",
    "priced": "c.cost_status IN ('priced', 'estimated', 'not_billed') AND c.unpriced = 0",
    "recorded": "c.has_recording",
    "live": "c.status = 'in_progress'",
}
_OTHER_COLUMN: Final = re.compile(r"\b[cd]\.(?!id\b)")
"""In a condition, which holds names of ours and of parameters alone."""
_SIGNS: Final = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}


class Compiled(NamedTuple):
    """A query as conditions in SQL."""

    where: str
    """Over `FROM`."""
    parameters: dict[str, Parameter]
    """The values, of all of these."""
    sources: tuple[str, ...]
    """For each condition that an index answers, a SELECT of numbers of calls: every call that fits is among them."""
    time: str | None
    """The same for the time; None when there is none."""
    by_number: bool
    """Whether ``where`` is about the numbers of calls alone, not about anything else in ``call``."""
    errors: str
    """Over ``error AS e``: the errors of a call that the query is about; all of them if it does not say."""


def compile_query(query: CallQuery, *, words: bool, one_by_one: bool = False) -> Compiled:
    """Compile a query; its sort, limit and cursor are not conditions.

    Args:
        query: what is asked for.
        words: with what was said, too.
        one_by_one: words are to be looked up call by call, for who needs few of many calls; else all at once. A regular
            expression needs a connection that knows `callscope.index.regex.install`.

    Raises:
        SettingError: a term that no query of the language has: an unknown field, an operator that does not fit, a
            value too long.
    """
    builder = _Builder(query, one_by_one=one_by_one)
    for term in query.terms:
        builder.term(term)
    if words:
        for each in query.words:
            builder.words(each)
    return builder.compiled()


def call_numbers(query: CallQuery) -> tuple[int, int]:
    """The first and last number that a call in the query's time can have."""
    since_s = _FIRST_S if query.since_ms is None else query.since_ms // 1000 - EPOCH_S
    until_s = LAST_S + SLACK_S if query.until_ms is None else query.until_ms // 1000 - EPOCH_S + SLACK_S
    first, last = max(_FIRST_S, min(since_s, LAST_S)), max(_FIRST_S, min(until_s, LAST_S + SLACK_S))
    return first * NUMBERS_A_SECOND, last * NUMBERS_A_SECOND


def documents_of(first: int, last: int) -> tuple[int, int]:
    """The first and last number of the documents of these calls."""
    return first << DOCUMENT_BITS, (last << DOCUMENT_BITS) + _LAST_DOCUMENT


def started_at_ms(document: int) -> int:
    """About when the call of a document began: to the second, unless that second was full."""
    return ((document >> DOCUMENT_BITS) // NUMBERS_A_SECOND + EPOCH_S) * 1000


def needle(words: Words) -> str | None:
    """What to ``MATCH`` in the trigram table for these words; None when it cannot tell.

    Raises:
        SettingError: the words are too long, or are no regular expression.
    """
    if words.regex:
        return regex.required(words.text)
    if len(words.text) > MAX_NEEDLE:
        raise SettingError(f"words to look for have at most {MAX_NEEDLE:,} characters, not {len(words.text):,}")
    text = clean(words.text)
    return regex.quote(text) if len(text) >= TRIGRAM else None


def loose_needle(words: Words) -> str | None:
    """The same for who looks at the text anyway: of long words, every third trigram, for half of the work."""
    match = needle(words)
    text = clean(words.text)
    if words.regex or match is None or len(text) < 2 * TRIGRAM:
        return match
    pieces = [text[at : at + TRIGRAM] for at in (*range(0, len(text) - TRIGRAM, TRIGRAM), len(text) - TRIGRAM)]
    if len(set(pieces)) < len(pieces):  # words that repeat themselves are rarer than their pieces
        return match
    return " AND ".join(map(regex.quote, pieces))


def pattern_of(words: Words) -> str:
    """The regular expression of words that are one, with its flag inside."""
    return f"(?i){words.text}" if words.ignore_case else words.text


def outline_of(words: Words) -> str | None:
    """A pattern of ``GLOB`` that every document fits in which these words are; None when nobody knows one."""
    return regex.outline(pattern_of(words)) if words.regex else glob(words.text, part=True, wild=False)


class _Builder:
    """Conditions, gathered."""

    def __init__(self, query: CallQuery, *, one_by_one: bool) -> None:
        self._query = query
        self._one_by_one = one_by_one
        self._parameters: dict[str, Parameter] = {}
        self._conditions: list[str] = []
        self._sources: list[str] = []
        self._bounds: list[str] = []
        self._of_dimensions: list[str] = []
        self._errors: list[str] = []
        self._time()

    def compiled(self) -> Compiled:
        if self._of_dimensions:
            condition = f"c.dimensions IN (SELECT d.id FROM dimensions AS d WHERE {' AND '.join(self._of_dimensions)})"
            self._sources.append(_source(" AND ".join([condition, *self._bounds])))
            self._conditions.insert(0, condition)
        where = " AND ".join([*self._bounds, *self._conditions]) or _NOTHING_ELSE
        return Compiled(
            where=where,
            parameters=self._parameters,
            sources=tuple(self._sources),
            time=_source(" AND ".join(self._bounds)) if self._bounds else None,
            by_number=_OTHER_COLUMN.search(where) is None,
            errors=" AND ".join(self._errors) or _NOTHING_ELSE,
        )

    def _bind(self, value: Parameter) -> str:
        name = f"q{len(self._parameters)}"
        self._parameters[name] = clean(value) if isinstance(value, str) else value
        return f":{name}"

    def _add(self, condition: str, *, negated: bool, source: str | None = None) -> None:
        """A condition that is not known to hold does not hold; its negation then does."""
        self._conditions.append(f"(({condition}) IS NOT TRUE)" if negated else f"({condition})")
        if source is not None and not negated:
            self._sources.append(source)

    def _time(self) -> None:
        if self._query.since_ms is not None:
            self._bounds.append(f"c.started_at_ms >= {self._bind(self._query.since_ms)}")
        if self._query.until_ms is not None:
            self._bounds.append(f"c.started_at_ms < {self._bind(self._query.until_ms)}")

    def _in_time(self, column: str, *, documents: bool = False) -> str:
        """The query's time as one more condition on numbers of calls, or of documents; empty when there is none."""
        if not self._bounds:
            return ""
        span = call_numbers(self._query)
        first, last = documents_of(*span) if documents else span
        return f" AND {column} BETWEEN {self._bind(first)} AND {self._bind(last)}"

    def term(self, term: Term) -> None:
        field = term.field
        if field in FLAGS:
            source = None if field in {"failed", "priced", "recorded"} else _source(_FLAGS[field])
            self._add(_FLAGS[field], negated=term.negated, source=source)
        elif field == "wait" or field.startswith("stage."):
            self._exchanges(term)
        elif field in NUMBERS or field == STARTED:
            condition = self._number(_OF_CALL[field], term)
            source = _source(condition)
            if field in _MOSTLY_NONE and not _is_some(term):
                source = ""
            elif field in _MOSTLY_NONE:
                source += f" AND {_OF_CALL[field]} > 0"  # what its index holds
            self._add(condition, negated=term.negated, source=None if field in _SLOW else source or None)
        elif field in _OF_DIMENSIONS:
            condition = self._text(_OF_DIMENSIONS[field], term)
            self._of_dimensions.append(f"{'NOT ' if term.negated else ''}({condition})")
        elif field in _OF_SEVERAL or field in _OF_SETS:
            self._several(term)
        elif field.startswith("label.") and field != "label.":
            name = self._bind(field.removeprefix("label."))
            fits = "1" if term.op == "present" else self._text("value", term)  # one that is empty was set, too
            found = f"FROM label WHERE name = {name} AND ({fits})"
            self._add(
                f"EXISTS (SELECT 1 {found} AND call = c.id)",
                negated=term.negated,
                source=f"SELECT call {found}{self._in_time('call')}",
            )
        elif field in _OF_CALL:
            condition = self._text(_OF_CALL[field], term)
            self._add(condition, negated=term.negated, source=None if field in _SLOW else _source(condition))
        else:
            raise SettingError(f"no field {field!r}")

    def _exchanges(self, term: Term) -> None:
        stage = term.field.removeprefix("stage.")
        if term.field != "wait" and stage not in STAGES:
            raise SettingError(f"no stage {stage!r}")
        if term.field == "wait" and term.op in {"above", "at_least"}:  # any of them is so when the longest is
            condition = self._number("c.worst_ms", term)
            self._add(condition, negated=term.negated, source=_source(condition))
            return
        column = "coalesce(response_ms, nullif(silence_ms, 0))" if term.field == "wait" else f"{stage}_ms"
        condition = (
            f"EXISTS (SELECT 1 FROM exchange WHERE call = c.id AND kind = 'exchange' AND {self._number(column, term)})"
        )
        lowest = min((value for value in term.values if not isinstance(value, str)), default=0.0)
        is_of_the_worst = term.field == "wait" and term.op in {"between", "is"}
        source = _source(f"c.worst_ms >= {self._bind(lowest)}") if is_of_the_worst else None
        self._add(condition, negated=term.negated, source=source)

    def _several(self, term: Term) -> None:
        conditions, sources = [], []
        for table, columns in _OF_SEVERAL.get(term.field, ()):
            fits = " OR ".join(self._text(column, term) for column in columns)
            conditions.append(f"EXISTS (SELECT 1 FROM {table} WHERE call = c.id AND ({fits}))")
            sources.append(f"SELECT call FROM {table} WHERE ({fits}){self._in_time('call')}")
            if term.field in _ON_ERRORS and not term.negated:
                self._errors.append(f"({' OR '.join(self._text(f'e.{column}', term) for column in columns)})")
        if term.field in _OF_SETS:
            names, view, part = _OF_SETS[term.field]
            condition = f"c.{names} IN (SELECT {names} FROM {view} WHERE {self._text(part, term)})"
            conditions.append(condition)
            sources.append(_source(f"{condition}{self._in_time('c.id')}"))
        column = _ALSO_OF_CALL.get(term.field)
        if column is not None:
            condition = self._text(column, term)
            if column.startswith("d."):
                condition = f"c.dimensions IN (SELECT d.id FROM dimensions AS d WHERE {condition})"
            conditions.append(condition)
            of_some = " AND c.error IS NOT NULL" if column == "c.error" and "" not in term.values else ""
            sources.append(_source(f"({condition}){of_some}{self._in_time('c.id')}"))
        source = None if term.field in _SLOW else " UNION ALL ".join(sources)
        self._add(" OR ".join(conditions), negated=term.negated, source=source)

    def _number(self, column: str, term: Term) -> str:
        if term.op == "present":
            return f"{column} > 0" if NUMBERS.get(term.field) == "count" else f"{column} IS NOT NULL"
        numbers = [float(value) for value in term.values if not isinstance(value, str)]
        if len(numbers) != len(term.values) or not numbers:
            raise SettingError(f"{term.field} is compared with numbers")
        if term.op == "is":
            return f"{column} IN ({', '.join(map(self._bind, numbers))})"
        if term.op == "between" and len(numbers) == len(("low", "high")):
            return f"{column} BETWEEN {self._bind(numbers[0])} AND {self._bind(numbers[1])}"
        if term.op in _SIGNS and len(numbers) == 1:
            return f"{column} {_SIGNS[term.op]} {self._bind(numbers[0])}"
        raise SettingError(f"{term.field} is a number: it cannot be asked whether it {term.op} that")

    def _text(self, column: str, term: Term) -> str:
        """What is unknown is NULL or empty: it fits ``""``, and no pattern."""
        if term.op == "present":
            return f"{column} <> ''"
        values = [value for value in term.values if isinstance(value, str)]
        if len(values) != len(term.values) or not values:
            raise SettingError(f"{term.field} is compared with words")
        if term.op == "matches":
            for value in values:
                regex.expression(value)
            return f"({column} <> '' AND ({' OR '.join(f'{column} REGEXP {self._bind(value)}' for value in values)}))"
        if term.op == "contains":
            return self._globs(column, values, part=True)
        if term.op != "is":
            raise SettingError(f"{term.field} is words: it cannot be {term.op} that")
        return self._is(column, values)

    def _is(self, column: str, values: Sequence[str]) -> str:
        plain = [value for value in values if value and value.isascii() and "*" not in value]
        rest = [value for value in values if value and not (value.isascii() and "*" not in value)]
        either = []
        if plain:
            either.append(f"{column} COLLATE NOCASE IN ({', '.join(map(self._bind, plain))})")
        if rest:
            either.append(self._globs(column, rest))
        if "" in values:
            either.append(f"coalesce({column}, '') = ''")
        return f"({' OR '.join(either)})"

    def _globs(self, column: str, values: Sequence[str], *, part: bool = False) -> str:
        patterns = [glob(value, part=part, wild=not part) for value in values]
        return f"({column} <> '' AND ({' OR '.join(self._glob(column, pattern) for pattern in patterns)}))"

    def _glob(self, column: str, pattern: str) -> str:
        """``LIKE`` is asked first because it is quicker to say no."""
        return f"({column} LIKE {self._bind(like(pattern))} AND {column} GLOB {self._bind(pattern)})"

    def words(self, words: Words) -> None:
        match = needle(words)
        kinds = KINDS[words.where]
        of_kind = f" AND document.kind IN ({', '.join(map(self._bind, kinds))})" if kinds else ""
        fits = of_kind
        shape = outline_of(words)
        if shape is not None:
            fits += f" AND {self._glob('document.text', shape)}"
        if words.regex:
            fits += f" AND document.text REGEXP {self._bind(pattern_of(words))}"
        one_by_one = f"EXISTS (SELECT 1 FROM document WHERE {_OF_THIS_CALL}{fits})"
        if match is None:
            self._add(one_by_one, negated=words.negated)
            return
        joined = f"CROSS JOIN document ON document.id = document_trigram.rowid{fits}" if of_kind or words.regex else ""
        numbers = (
            f"SELECT document_trigram.rowid >> {DOCUMENT_BITS} FROM document_trigram {joined} "
            f"WHERE document_trigram MATCH {self._bind(match)}{self._in_time('document_trigram.rowid', documents=True)}"
        )
        condition = one_by_one if self._one_by_one else f"c.id IN ({numbers})"
        self._add(condition, negated=words.negated, source=numbers)


_OF_THIS_CALL: Final = f"document.id BETWEEN (c.id << {DOCUMENT_BITS}) AND (c.id << {DOCUMENT_BITS}) + {_LAST_DOCUMENT}"


def _source(condition: str) -> str:
    return f"SELECT c.id FROM call AS c WHERE {condition}"


def _is_some(term: Term) -> bool:
    """Whether a number has to be above 0 to fit."""
    lowest = min((float(value) for value in term.values if not isinstance(value, str)), default=1.0)
    return term.op not in {"below", "at_most"} and (lowest > 0 or (term.op == "above" and lowest >= 0))
