"""What all pages share: the archive, its index, the time, and how a page becomes an answer."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from callscope import config
from callscope.errors import CallscopeError, SettingError
from callscope.index.index import Index
from callscope.model.call import IN_PROGRESS
from callscope.query.query import CallQuery, Term
from callscope.web.alerting import Alerting
from callscope.web.asked import Asked, asked
from callscope.web.background import Background
from callscope.web.news import News
from callscope.web.refresher import Progress, Refresher
from callscope.web.template import environment
from callscope.web.watcher import Watcher

if TYPE_CHECKING:
    from jinja2 import Environment

TARGET_MS: Final = 1_500
"""The wait from which a page shows trouble, unless `callscope serve --target` says something else."""
MAX_FORM_BYTES: Final = 100_000
THEMES: Final = ("dark", "light")
THEME_COOKIE: Final = "callscope_theme"


class Entry(msgspec.Struct, frozen=True):
    """A line of the rail."""

    name: str
    address: str
    count: str = ""
    """Beside the name: what there is to see."""
    is_trouble: bool = False


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """What `base.html` shows around every page."""

    title: str
    current: str
    """Name of the rail's entry that this page belongs to; empty: of none."""
    rail: tuple[Entry, ...]
    theme: str
    """``dark``, ``light``, or empty: as the system says."""
    notice: str
    """What is wrong or not finished with the index, in a sentence; empty: nothing."""
    is_notice_trouble: bool
    live: str
    """What the page is live about: ``index`` (any change), ``call:<path>``, ``live``; empty: nothing."""
    generation: int
    """Of the index, when the page was made."""
    form_token: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    version: str


class Site:
    """The dashboard of one archive.

    Args:
        root: the archive.
        index: its index.
        now_ms: what time it is, in Unix milliseconds.
        version: of callscope.
        target_ms: the wait from which it is trouble.
        rules_file: the rules of alerts; None: where the environment says they are. They need not be there.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        *,
        now_ms: Callable[[], int],
        version: str,
        target_ms: int = TARGET_MS,
        rules_file: Path | None = None,
    ) -> None:
        self.root = root
        self.index = index
        self.now_ms = now_ms
        self.version = version
        self.target_ms = target_ms
        self.form_token = secrets.token_urlsafe(24)
        """Stands in every form; only a page of this server can know it."""
        self.refresher = Refresher(index, now_ms=now_ms, changed=self._index_changed)
        self.news = News(root, now_ms=now_ms, began_or_ended=self.refresher.look)
        self.background = Background(now_ms=now_ms, made=self.news.counted)
        self.slow = Background(now_ms=now_ms, made=self.news.counted, patience_seconds=0.5)
        """For whole pages; they may ask `background` themselves."""
        rules_file = config.alerts_file() if rules_file is None else rules_file
        self.alerting = Alerting(root, rules_file=rules_file, now_ms=now_ms)
        self.watcher = Watcher(
            root, index, refresher=self.refresher, rules_file=rules_file, now_ms=now_ms, changed=self.news.counted
        )

    def asked(self, request: Request, *, default_range: str = "7d") -> Asked:
        """The filter and range of an address; see `callscope.web.asked.asked`."""
        return asked(request, now_ms=self.now_ms(), default_range=default_range)

    def page(
        self,
        request: Request,
        template: str,
        page: msgspec.Struct,
        *,
        title: str,
        current: str = "",
        asked: Asked | None = None,
        live: str = "",
        scripts: tuple[str, ...] = (),
        styles: tuple[str, ...] = (),
        status: int = 200,
    ) -> Response:
        """A whole page.

        Args:
            request: what is answered.
            template: in ``templates/``; extends ``base.html``.
            page: what the template shows, under this name.
            title: of the window.
            current: name of the rail's entry.
            asked: the filter, which the rail's links keep.
            live: see `Shell.live`.
            scripts: modules of ``static/`` beside those of every page.
            styles: sheets of ``static/`` beside that of every page.
            status: of the answer.
        """
        progress = self.refresher.progress
        is_gone = self.is_gone
        notice = f"The archive is gone: there is no directory {self.root} any more." if is_gone else _notice(progress)
        shell = Shell(
            title=title,
            current=current,
            rail=self._rail(asked),
            theme=theme_of(request),
            notice=notice,
            is_notice_trouble=is_gone or progress.trouble is not None or bool(progress.problems),
            live=live,
            generation=getattr(request.state, "generation", progress.generation),
            form_token=self.form_token,
            styles=styles,
            scripts=scripts,
            version=self.version,
        )
        text = self._templates.get_template(template).render(page=page, shell=shell, asked=asked, site=self)
        return HTMLResponse(text, status)

    @cached_property
    def _templates(self) -> Environment:
        return environment(self.now_ms)

    @property
    def is_gone(self) -> bool:
        """Whether the archive, which was there, is there no more."""
        return self.refresher.progress.complete_ms is not None and not os.path.isdir(self.root)  # noqa: PTH112 -- Path.is_dir raises where a directory above may not be searched

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a form that was sent, once its token is right.

        Raises:
            SettingError: it is not one of our forms, or too long.
        """
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_FORM_BYTES:
                raise SettingError(f"the form is longer than {MAX_FORM_BYTES} bytes")
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if not secrets.compare_digest(fields.pop("form_token", "").encode(), self.form_token.encode()):
            raise SettingError("the form is from before the dashboard was started again: load its page anew")
        return fields

    def _index_changed(self) -> None:
        self.news.index_changed(self.refresher.progress.generation)

    def _rail(self, asked: Asked | None) -> tuple[Entry, ...]:
        def to(path: str) -> str:
            return path if asked is None else asked.to(path)

        live, firing = self._live(), self.alerting.firing()
        progress = self.refresher.progress
        return (
            Entry("Overview", to("/")),
            Entry("Live", "/live", str(live) if live else ""),
            Entry("Calls", to("/calls")),
            Entry("Latency", to("/latency")),
            Entry("Cost", to("/cost")),
            Entry("Errors", to("/errors")),
            Entry("Alerts", "/alerts", str(len(firing)) if firing else "", is_trouble=True),
            Entry("Health", "/health", "!" if progress.trouble or progress.problems else "", is_trouble=True),
        )

    def _live(self) -> int:
        """Calls in progress, as far as the index knows."""
        query = CallQuery(terms=(Term(field="status", op="is", values=(IN_PROGRESS,)),), limit=1)
        try:
            return self.index.calls(query, count=True).total or 0
        except CallscopeError:
            return 0


def theme_of(request: Request) -> str:
    """The theme that was chosen; empty: none, so it is as the system says."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def _notice(progress: Progress) -> str:
    if progress.trouble is not None:
        return f"The archive could not be read: {progress.trouble}"
    if progress.complete_ms is None and progress.to_read:
        return f"Reading the archive for the first time: {progress.read:,} of {progress.to_read:,} calls so far."
    if progress.complete_ms is None:
        return "Reading the archive for the first time."
    if progress.problems:
        return f"Some of the archive could not be read: {progress.problems[0]}"
    return ""
