"""Whether recording and the index work, what was lost, what cannot be read, and what the disk holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope import config
from callscope.archive.listing import DAY_MS
from callscope.archive.paths import CALLS
from callscope.archive.reader import UNREADABLE, read_envelope
from callscope.errors import CallscopeError
from callscope.index.calls import CallRow
from callscope.index.index import Freshness, Index
from callscope.model.wire import format_ts, parse_ts
from callscope.query.query import CallQuery, Term
from callscope.report.health import Health, Survey, examine, renewed
from callscope.web.background import Told
from callscope.web.disk_use import DiskUse, disk_use
from callscope.web.mistakes import mistakes
from callscope.web.refresher import Progress
from callscope.web.rows import rows
from callscope.web.site import Site

MOST: Final = 50
"""Problems, and calls that lost something, on the page."""
_MOST_READ: Final = 1_000
"""Envelopes of calls that lost rows which are read for the reasons."""
_HEALTH_SECONDS: Final = 30.0
_DISK_SECONDS: Final = 600.0

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a call that could not be read as it should be."""

    path: str
    """Of the call, below ``<root>/calls``."""
    call_id: str
    file: str
    line: int | None
    message: str


class Problems(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be read: the newest of it."""

    found: tuple[Problem, ...]
    total: int
    calls: int
    """Calls with a problem."""


class IndexState(msgspec.Struct, frozen=True, kw_only=True):
    """The index."""

    place: str
    bytes: int | None
    """With its journal; None: there is no file."""
    freshness: Freshness | None
    """None: it cannot be read."""
    progress: Progress


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """What goes next, if recorders here keep calls for so long."""

    days: int | None
    """0: for ever; None: the setting cannot be read, so nothing goes."""
    oldest_day: str | None
    oldest_calls: int
    goes_on: str | None
    """The day from which on the oldest one goes."""
    is_due: bool


class Lossy(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that lost rows: the newest, and how many there are."""

    calls: tuple[CallRow, ...]
    total: int


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """What the index tells of calls that are not whole."""

    problems: Problems
    lossy: Lossy


class HealthPage(msgspec.Struct, frozen=True, kw_only=True):
    """What ``health.html`` shows."""

    root: str
    index: IndexState
    health: Told[Health]
    hash_is_keyed: bool
    disk: Told[DiskUse]
    retention: Retention | None
    bad: Told[Bad]
    trouble: str
    """Why the index gives no answer; empty: it does."""


def show(request: Request) -> Response:
    """``GET /health``."""
    site: Site = request.app.state.site
    settings, index = config.load(), site.index
    troubles: list[str] = []
    told_health = site.background.ask("health", lambda: _health(site), older_than_seconds=_HEALTH_SECONDS)
    told_bad = site.background.ask(
        f"bad calls {site.refresher.progress.generation}",
        lambda: Bad(problems=_problems(index), lossy=_lossy(index)),
        older_than_seconds=_HEALTH_SECONDS,
    )
    told_disk = site.background.ask("disk", lambda: disk_use(site.root), older_than_seconds=_DISK_SECONDS)
    page = HealthPage(
        root=str(site.root),
        index=IndexState(
            place=str(index.place),
            bytes=_size(index.place),
            freshness=_or_none(troubles, lambda: index.freshness),
            progress=site.refresher.progress,
        ),
        health=_now(site, told_health, troubles),
        hash_is_keyed=settings.hash_key is not None,
        disk=told_disk,
        retention=None
        if told_disk.value is None
        else _retention(told_disk.value, settings.retention_days, site.now_ms()),
        bad=told_bad,
        trouble=told_bad.trouble or (troubles[0] if troubles else ""),
    )
    return site.page(
        request,
        "health.html",
        page,
        title="Health",
        current="Health",
        live="index",
        styles=("health.css",),
        status=503 if site.is_gone else 200,
    )


def _or_none(troubles: list[str], ask: Callable[[], T]) -> T | None:
    """The answer; without one, why goes to ``troubles``."""
    try:
        return ask()
    except CallscopeError as error:
        troubles.append(str(error))
        return None


def _health(site: Site) -> Health:
    """As ``callscope doctor`` tells it, with the calls as the index has them."""
    known = None
    if site.index.freshness.is_built:
        by_status, unclosed = _counted(site.index)
        lossy = site.index.calls(_lost(_MOST_READ)).calls
        known = Survey(
            by_status=by_status,
            unclosed=unclosed,
            lossy=tuple(read_envelope(site.root / CALLS / call.path, now_ms=site.now_ms()) for call in lossy),
        )
    recording = config.resolve_log_root() is not None
    return examine(
        site.root,
        recording=recording,
        settings=config.load(),
        now_ms=site.now_ms(),
        known=known,
        mistakes=mistakes(site.alerting.rules_file),
    )


def _counted(index: Index) -> tuple[dict[str, int], int]:
    """Calls by status as the list has them, and how many abandoned ones nobody has closed yet."""
    unclosed = rows(
        index,
        CallQuery(),
        "SELECT count(*) FROM call WHERE status = 'abandoned' AND ended_at_ms IS NULL AND end_reason IS NULL",
    )
    by_status = {str(key[0]): figures.calls for key, figures in index.stats(CallQuery(), by=("status",), stages=False)}
    return by_status, int(str(unclosed[0][0]))


def _now(site: Site, told: Told[Health], troubles: list[str]) -> Told[Health]:
    """With the calls as they are now: the list tells them so, too."""
    if told.value is None or site.is_gone:
        return told
    counted = _or_none(troubles, lambda: _counted(site.index) if site.index.freshness.is_built else None)
    if counted is None:
        return told
    return msgspec.structs.replace(told, value=renewed(told.value, by_status=counted[0], unclosed=counted[1]))


def _lost(limit: int) -> CallQuery:
    return CallQuery(terms=(Term(field="lost", op="above", values=(0.0,)),), limit=limit)


def _lossy(index: Index) -> Lossy:
    page = index.calls(_lost(MOST), count=True)
    return Lossy(calls=page.calls, total=page.total or len(page.calls))


def _problems(index: Index) -> Problems:
    """Calls that cannot be read at all first, then the newest ones."""
    total, calls = rows(
        index, CallQuery(), "SELECT ifnull(sum(problems), 0), ifnull(sum(problems > 0), 0) FROM call WHERE problems > 0"
    )[0]
    found = rows(
        index,
        CallQuery(),
        "SELECT c.path, c.call_id, p.file, p.line, p.message FROM problem AS p JOIN call AS c ON c.id = p.call "  # noqa: S608 -- a name and a number of ours
        f"ORDER BY c.status = '{UNREADABLE}' DESC, p.call DESC, p.seq LIMIT {MOST}",
    )
    return Problems(
        found=tuple(
            Problem(
                path=str(path),
                call_id=str(call_id),
                file=str(file),
                line=None if line is None else int(str(line)),
                message=str(message),
            )
            for path, call_id, file, line, message in found
        ),
        total=int(str(total)),
        calls=int(str(calls)),
    )


def _retention(disk: DiskUse, days: int | None, now_ms: int) -> Retention:
    start_ms = parse_ts(f"{disk.oldest_day}T00:00:00Z") if disk.oldest_day else None
    goes_ms = None if start_ms is None or not days else start_ms + (days + 1) * DAY_MS
    return Retention(
        days=days,
        oldest_day=disk.oldest_day,
        oldest_calls=disk.oldest_calls,
        goes_on=None if goes_ms is None else format_ts(goes_ms)[:10],
        is_due=goes_ms is not None and goes_ms <= now_ms,
    )


def _size(place: Path) -> int | None:
    """Bytes of the index with its journal."""
    try:
        size = place.stat().st_size
    except OSError:
        return None
    try:
        return size + place.with_name(f"{place.name}-wal").stat().st_size
    except OSError:
        return size


ROUTES: Final = (Route("/health", show),)
