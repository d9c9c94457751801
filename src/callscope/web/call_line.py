"""A call as one line of a list: what stands out, in words, and where it leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from callscope.index.calls import CallRow
from callscope.index.index import Index
from callscope.index.search import Hit
from callscope.model.call import ABANDONED, COMPLETED, FAILED, IN_PROGRESS
from callscope.query.query import CallQuery, Term
from callscope.report import figures, hits
from callscope.timeline.silence_words import IN_SHORT, NEVER_SPOKE
from callscope.web.asked import Asked
from callscope.web.assumed import estimated_calls
from callscope.web.call.files import address_of
from callscope.web.call.links import seconds
from callscope.web.charts.wait_bar import WaitBar, wait_bar

_SEARCH_SECONDS: Final = 0.25
"""For the places of words in the calls of a page; the page does not wait longer for them."""
_MOST_SEARCHED: Final = 200
"""Calls of a page in which words are looked for."""
_MOST_HITS: Final = 2_000
_BEFORE_HIT: Final = 14
"""Characters shown in front of the first hit."""
_BAD: Final = "bad"
_WARN: Final = "warn"
_PLAIN: Final = ""
_OF_STATUS: Final = {FAILED: _BAD, "unreadable": _BAD, ABANDONED: _WARN, IN_PROGRESS: "live"}


class Badge(msgspec.Struct, frozen=True):
    """Something to know about a call, in a word."""

    word: str
    kind: str
    """``bad``, ``warn``, ``live``, or empty."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The first place in a call where the filter's words are."""

    address: str
    """Of that moment."""
    at_ms: float | None
    """Milliseconds after the call's start."""
    who: str
    pieces: tuple[tuple[str, bool], ...]
    """What stands there, in pieces, and whether each is what was looked for. Texts are other people's."""


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a line shows."""

    call: CallRow
    is_estimated: bool
    """Something about its cost was assumed."""
    address: str
    length_ms: float | None
    """Up to now where the call goes on."""
    bar: WaitBar | None
    """None: nobody waited, or it is not known."""
    badges: tuple[Badge, ...]
    """Trouble first."""
    happened: str
    """What went wrong, the most telling first; empty when nothing did."""
    ended: str
    """Why it ended; empty when that is not known."""
    found: Found | None


def call_lines(calls: Sequence[CallRow], asked: Asked, index: Index, *, target_ms: float) -> tuple[CallLine, ...]:
    """Calls of a list as lines, in the same order.

    Args:
        calls: what the list's query found.
        asked: the list's filter and range, which the links keep.
        index: in which the filter's words are looked for.
        target_ms: the wait from which it is trouble.
    """
    of_list = _of_list(asked)
    found = _first_hits(calls, asked.query, index)
    estimated = estimated_calls(calls, index)
    return tuple(
        CallLine(
            call=call,
            is_estimated=call.id in estimated,
            address=_address(call.path, of_list),
            length_ms=asked.now_ms - call.started_at_ms if call.status == IN_PROGRESS else call.duration_ms,
            bar=None if call.worst_ms is None else wait_bar(call.worst_ms, target_ms),
            badges=tuple(_badges(call, target_ms)),
            happened=" · ".join(_happened(call, target_ms)),
            ended=call.reason or "",
            found=_found(found[call.path], of_list) if call.path in found else None,
        )
        for call in calls
    )


def _address(path: str, of_list: dict[str, str], at_ms: float | None = None) -> str:
    """A call's page, at a moment in milliseconds after its start; it leads on to the other calls of its list."""
    moment = {} if at_ms is None else {"t": seconds(round(at_ms))}
    parameters = urlencode({**moment, **of_list})
    return address_of(path) + (f"?{parameters}" if parameters else "")


def _of_list(asked: Asked) -> dict[str, str]:
    """What a call's page has to know of the list: see `callscope.web.pages.call`."""
    named = {"in": asked.text, "range": asked.parameters.get("range", "")}
    return {name: value for name, value in named.items() if value}


def _happened(call: CallRow, target_ms: float) -> Iterator[str]:
    """What went wrong in a call, the most telling first."""
    if call.error or call.error_pattern:
        yield call.error or call.error_pattern or ""
    is_slow = call.worst_ms is not None and call.worst_ms >= target_ms
    if call.worst_is_unanswered:
        yield f"no answer for {figures.wait(call.worst_ms)}"
    elif call.unanswered:
        yield f"{figures.count(call.unanswered, 'turn')} without an answer"
    if is_slow and not call.worst_is_unanswered:
        yield f"waited {figures.wait(call.worst_ms)}"
    for kind in call.silences:
        if kind in IN_SHORT and not (kind == NEVER_SPOKE and call.unanswered):  # which has told it
            yield IN_SHORT[kind]
    if call.interruptions:
        yield "interrupted" if call.interruptions == 1 else f"interrupted {call.interruptions} times"


def _badges(call: CallRow, target_ms: float) -> Iterator[Badge]:
    if call.status not in {COMPLETED, IN_PROGRESS}:
        yield Badge(call.status.replace("_", " "), _OF_STATUS.get(call.status, _PLAIN))
    if call.status == IN_PROGRESS:
        yield Badge("in progress", "live")
    for number, word, kind in (
        (call.errors, "error", _BAD),
        (call.unanswered, "silent", _BAD),
        (int(bool(call.silences) and not call.unanswered), "silence", _WARN),
        (int(call.worst_ms is not None and call.worst_ms >= target_ms), "slow", _WARN),
        (call.interruptions, "interrupted", _PLAIN),
        (call.lost, "lost rows", _WARN),
        (call.problems, "unreadable rows", _WARN),
    ):
        if number:
            yield Badge(f"{word} {number}" if number > 1 else word, kind)
    if call.recorded:
        yield Badge("sound", _PLAIN)


def _first_hits(calls: Sequence[CallRow], query: CallQuery, index: Index) -> dict[str, Hit]:
    """The first place in each call where the words are, by path; the calls are known to fit all else."""
    words = tuple(each for each in query.words if not each.negated)
    if not words or not calls:
        return {}
    among = Term(field="id", op="is", values=tuple(call.call_id for call in calls[:_MOST_SEARCHED]))
    page = index.search(CallQuery(terms=(among,), words=words, limit=_MOST_HITS), seconds=_SEARCH_SECONDS)
    return {hit.path: hit for hit in page.hits}  # the newest come first, so a call's first one stays


def _from_near(pieces: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    """A snippet that begins a few characters before the first hit: a line of a table has little room."""
    first = pieces[0][0]
    return ((f"…{first[-_BEFORE_HIT:]}", False), *pieces[1:]) if len(first) > _BEFORE_HIT else pieces


def _found(hit: Hit, of_list: dict[str, str]) -> Found:
    at_ms = None if hit.ts_ms is None else hit.ts_ms - hit.started_at_ms
    return Found(
        address=_address(hit.path, of_list, at_ms),
        at_ms=figures.known(at_ms),
        who=hits.who(hit),
        pieces=_from_near(tuple(hits.pieces(hit))),
    )
