"""``callscope watch``: looks at the rules of alerts again and again, and tells people."""

from __future__ import annotations

import logging
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec

from callscope import config
from callscope.alerts import deliver, lookout, store
from callscope.alerts.deliver.document import document, title
from callscope.alerts.deliver.log import LOGGER
from callscope.alerts.incidents import Notice
from callscope.alerts.queue import Outcome
from callscope.alerts.rule_source import read_rules
from callscope.alerts.watch import Told, Watch
from callscope.archive import listing
from callscope.cli import options, screen
from callscope.clock import monotonic_ns, now_ms
from callscope.errors import CallscopeError, SettingError
from callscope.index.index import Index
from callscope.index.place import place_of
from callscope.model.wire import format_ts
from callscope.query import quantities
from callscope.report import figures
from callscope.report.safe_text import clean

_WHO = "callscope watch"
_SLICE_SECONDS = 5.0
_ONCE_SECONDS = 60.0
"""For what is on its way, when it looks only once; and for another one that does."""
_PAUSE_SECONDS = 0.2
_NS_PER_SECOND = 1_000_000_000


class AlreadyWatchedError(CallscopeError):
    """Another process watches the archive."""


@click.command("watch")
@options.root
@click.option("--rules", metavar="FILE", help="The rules [default: CALLSCOPE_ALERTS, or the usual place].")
@click.option("--every", metavar="TIME", default="30s", show_default=True, help="Between two looks.")
@click.option("--once", is_flag=True, help="Look once, send what is due, and end: 1 when something was wrong.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, *, root: str | None, rules: str | None, every: str, once: bool, as_json: bool) -> None:
    """Look at the rules of alerts again and again, and tell the targets what begins and ends.

    Ctrl-C or SIGTERM ends it; nothing is lost by that. `callscope serve` does the same while it runs.
    """
    archive = options.archive(root)
    listing.require_root(archive)
    every_ms = round(quantities.number(every, field="--every", unit="ms"))
    if every_ms < 1000:  # noqa: PLR2004 -- milliseconds
        raise SettingError(f"--every {every}: write a second or more, as in 30s")
    file = (config.alerts_file() if rules is None else Path(rules).expanduser()).absolute()
    for target in read_rules(file).targets:
        deliver.prepare(target)  # what is wrong with one ends it here, where somebody sees it
    teller = _Teller(as_json=as_json)
    LOGGER.addHandler(logging.NullHandler())  # here its lines are what is printed anyway
    with ExitStack() as stack:
        if not _hold(stack, archive, teller, is_patient=once):
            raise AlreadyWatchedError(_who_else(archive))
        index = stack.enter_context(Index.open(archive, place=place_of(archive, config.index_place())))
        stopping = _Stopping()
        watch = Watch(
            archive,
            index,
            rules_file=file,
            who=_WHO,
            ready=lambda: _refresh(index, stopping),
            now_ms=now_ms,
            jitter=secrets.SystemRandom().random,
            every_ms=every_ms,
            tell=teller.tell,
        )
        stopping.calls(watch.stop)
        if not once:
            teller.say(f"callscope watches {clean(archive)} by {clean(file)} every {every}  (Ctrl-C ends it)")
            watch.run()
            return
        watch.lookout = msgspec.structs.replace(watch.lookout, is_once=True)
        watch.look()
        watch.drain(patience_seconds=_ONCE_SECONDS)
        watch.finish()
        teller.looked(watch)
    ctx.exit(1 if teller.is_wrong else 0)


def _hold(stack: ExitStack, archive: Path, teller: _Teller, *, is_patient: bool) -> bool:
    """Hold where alerts stand; who is patient waits for others that look once, as two lines of cron do."""
    end_ns = monotonic_ns() + round(_ONCE_SECONDS * _NS_PER_SECOND)
    is_told = False
    while not stack.enter_context(store.held(archive)):
        if not is_patient or _stays(archive) or monotonic_ns() > end_ns:
            return False
        if not is_told:
            teller.say(f"callscope waits until another look at {clean(archive)} is over")
            is_told = True
        time.sleep(_PAUSE_SECONDS)
    return True


def _stays(archive: Path) -> bool:
    """Whether who watches goes on doing so."""
    other = lookout.load(archive)
    return other is not None and not other.is_once and other.is_watching(now_ms=now_ms())


class _Stopping:
    """SIGINT and SIGTERM let what goes on come to its end: the state is never half a look."""

    def __init__(self) -> None:
        self.is_asked = False
        self._then: Callable[[], None] = lambda: None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def calls(self, then: Callable[[], None]) -> None:
        """What to do when it is asked for."""
        self._then = then

    def _note(self, number: int, frame: object) -> None:  # noqa: ARG002 -- the interface of signals
        self.is_asked = True
        self._then()


def _refresh(index: Index, stopping: _Stopping) -> str | None:
    """Bring the index up to date, in slices so that it can be ended; gives why it is not."""
    while True:
        report = index.refresh(budget_seconds=_SLICE_SECONDS)
        if stopping.is_asked:
            return "it was ended before the archive was read"
        if report.complete:
            return None
        if report.skipped is not None:  # another process does it
            return None if index.freshness.is_built else "another process reads the archive for the first time"


def _who_else(archive: Path) -> str:
    other = lookout.load(archive)
    if other is None or other.ended_ms is not None:
        return f"{archive} is watched by another process: end it first"
    return f"{archive} is watched by {other.name} since {figures.moment(other.since_ms)}: end it first"


class _Teller:
    """Prints what happens, one line each."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.is_wrong = False

    def say(self, words: str) -> None:
        """Something for who started it."""
        if not self._as_json:
            click.echo(words, err=True)

    def tell(self, told: Told) -> None:
        """One thing that happened."""
        if isinstance(told, Outcome):
            self.is_wrong |= told.error is not None
            row = {"what": "delivery", "notice": told.notice.id, "target": told.target, "error": told.error}
            self._print(row, told.notice)
        elif isinstance(told, Notice):
            self._print({"what": "notice", **document(told)}, told)
        else:
            self.is_wrong |= not told.is_over
            self._print({"what": "problem", "words": told.words, "is_over": told.is_over})

    def looked(self, watch: Watch) -> None:
        """The only look is over."""
        now = watch.lookout
        said = f"{figures.count(now.rules, 'rule')} looked at in {figures.wait(now.took_ms)}"
        waiting = f"; {figures.count(watch.waiting, 'notice')} not sent yet" if watch.waiting else ""
        self.say(said + waiting)

    def _print(self, row: dict[str, Any], notice: Notice | None = None) -> None:
        if self._as_json:
            screen.print_json_line({"at": format_ts(now_ms()), **row})
            return
        if notice is not None and row["what"] == "notice":
            line = f"{title(notice)}: {notice.words}"
        elif notice is not None:
            how = f"sent to {row['target']}" if row["error"] is None else "not sent"
            line = ": ".join(filter(None, (f"  {how}", title(notice), row["error"])))
        else:
            line = f"{'no longer: ' if row['is_over'] else 'trouble: '}{row['words']}"
        click.echo(f"{format_ts(now_ms())[11:19]}  {clean(line)}")
