"""What a search found: under each call the places in it, with what was looked for in bold on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from callscope.cli.columns import print_line
from callscope.index.search import Hit, HitPage
from callscope.model.wire import format_ts
from callscope.report import figures
from callscope.report import hits as hits_in_words
from callscope.report.safe_text import clean

_STYLES: Final = {"user": "blue", "assistant": "magenta", "error": "red"}
_AT: Final = 7
_TURN: Final = 8
_WHO: Final = 11
_LEAST: Final = 20
"""Characters that a snippet gets on the narrowest terminal."""
_MARK: Final = "bold"


def render(console: Console, hits: Sequence[Hit], *, now_ms: int) -> None:
    """Print the calls in the order they come; the hits of one as they were spoken, unless they are ranked."""
    for number, (_, of_call) in enumerate(groupby(hits, key=lambda hit: hit.path)):
        together = list(of_call)
        if together[0].rank is None:
            together.sort(key=lambda hit: hit.started_at_ms if hit.ts_ms is None else hit.ts_ms)
        if number:
            console.print()
        print_line(console, _heading(together[0], now_ms))
        for hit in together:
            print_line(console, _line(console, hit))


def document(page: HitPage) -> dict[str, Any]:
    """The page as JSON."""
    return {
        "hits": [_document(hit) for hit in page.hits],
        "next": page.next,
        "complete": page.complete,
        "reached": None if page.reached_ms is None else format_ts(page.reached_ms),
    }


def _document(hit: Hit) -> dict[str, Any]:
    return {
        "call_id": hit.call_id,
        "path": hit.path,
        "started_at": format_ts(hit.started_at_ms),
        "kind": hit.kind,
        "turn_index": hit.turn_index,
        "ts": None if hit.ts_ms is None else format_ts(hit.ts_ms),
        "snippet": hit.snippet,
        "marks": hit.marks,
        "rank": hit.rank,
    }


def _heading(hit: Hit, now_ms: int) -> Text:
    started = figures.short_moment(hit.started_at_ms, now_ms=now_ms)
    return Text.assemble((f"{started}  ", "dim"), clean(hit.call_id))


def _line(console: Console, hit: Hit) -> Text:
    at = figures.UNKNOWN if hit.ts_ms is None else figures.clock(hit.ts_ms - hit.started_at_ms)
    turn = "" if hit.turn_index is None else f"turn {hit.turn_index}"
    who = hits_in_words.who(hit)
    line = Text.assemble((f"{at:>{_AT}}  {turn:<{_TURN}}", "dim"), (f"{who:<{_WHO}}  ", _STYLES.get(hit.kind, "cyan")))
    room = max(_LEAST, console.width - line.cell_len) if console.is_terminal else None
    return line.append_text(_marked(list(hits_in_words.pieces(hit)), room))


def _marked(pieces: list[tuple[str, bool]], room: int | None) -> Text:
    """One line with the hits marked, its first one to be seen in the room there is."""
    before = pieces[0][0]
    first = cell_len(pieces[1][0]) if len(pieces) > 1 else 0
    if room is not None and cell_len(before) + first > room * 2 // 3:
        kept = max(0, min(cell_len(before), (room - first) // 2 - 1))
        pieces[0] = ("…" + _end(before, kept), False)
    text = Text()
    for piece, is_hit in pieces:
        text.append(piece, style=_MARK if is_hit else "")
    if room is not None:
        text.truncate(room, overflow="ellipsis")
    return text


def _end(text: str, cells: int) -> str:
    """The end of a text that is so many cells wide at most."""
    start = len(text)
    while start and cell_len(text[start - 1 :]) <= cells:
        start -= 1
    return text[start:]
