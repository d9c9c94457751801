"""``callscope forward``: sends calls to an OpenTelemetry collector as they end."""

from __future__ import annotations

import time
from typing import Final

import click

from callscope import config
from callscope.archive import listing
from callscope.cli import options
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.exporters.traces import ledger
from callscope.exporters.traces.endpoint import ENDPOINT, endpoint
from callscope.exporters.traces.forward import Forwarded, Forwarder
from callscope.exporters.traces.sender import TRIES, Encoding, Sender
from callscope.interop.trace import TraceOptions
from callscope.query import moments
from callscope.report import figures
from callscope.report.safe_text import clean

_LOOK_EVERY_SECONDS: Final = 1.0


@click.command("forward")
@options.root
@click.option("--endpoint", "url", metavar="URL", help=f"As http://localhost:4318 [default: {ENDPOINT}].")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="Send this header too.")
@click.option(
    "--encoding", type=click.Choice(("json", "protobuf")), default="json", show_default=True, help="How to send."
)
@click.option("--content", is_flag=True, help="Also words, without personal data.")
@click.option("--openinference", is_flag=True, help="Also OpenInference's attributes, for Phoenix and others.")
@click.option("--no-rows", is_flag=True, help="Leave out the events that only callscope reads back.")
@click.option("--service", metavar="NAME", default="callscope", show_default=True, help="The traces' service.name.")
@click.option("--since", metavar="TIME", help="Also calls that began since then: 7d, 2026-11-20.")
@click.option("--once", is_flag=True, help="Send what has ended, and end.")
def command(
    *,
    root: str | None,
    url: str | None,
    headers: tuple[str, ...],
    encoding: Encoding,
    content: bool,
    openinference: bool,
    no_rows: bool,
    service: str,
    since: str | None,
    once: bool,
) -> None:
    """Send each call to an OpenTelemetry collector when it has ended.

    The agents do no network for it: the archive is followed. A restart goes on where it was; while the collector is
    away, calls wait on the disk. Ctrl-C ends it. Headers of CALLSCOPE_OTLP_HEADERS (name=value,name=value) are sent.
    """
    archive = options.archive(root)
    listing.require_root(archive)
    given = url or config.variable(ENDPOINT)
    if not given:
        raise SettingError(f"where to? give --endpoint http://localhost:4318, or set {ENDPOINT}")
    sender = Sender(endpoint(given, headers), encoding=encoding, tries=TRIES if once else None, tell=_tell_pause)
    told = TraceOptions(content=content, openinference=openinference, rows=not no_rows, service=service)
    now = now_ms()
    since_ms = None if since is None else moments.parse(since, option="--since", now_ms=now)
    with ledger.held(archive, sender.endpoint.url) as known:
        forwarder = Forwarder(archive, sender, known, told, now_ms=now, since_ms=since_ms)
        if not once:
            click.echo(f"forwarding {clean(archive)} to {sender.endpoint.shown}; Ctrl-C ends it", err=True)
        while True:
            for each in forwarder.look(now_ms=now_ms()):
                _tell(each)
            if once:
                return
            time.sleep(_LOOK_EVERY_SECONDS)


def _tell(each: Forwarded) -> None:
    name = clean(each.call_id)
    if each.sent is None:
        click.echo(f"{name}  {each.state}: {clean(each.why)}", err=True)
        return
    click.echo(f"{name}  {figures.count(each.sent.spans, 'span')}")
    if each.sent.rejected:
        why = f": {each.sent.why}" if each.sent.why else ""
        click.echo(f"{name}  {figures.count(each.sent.rejected, 'span')} rejected there{why}", err=True)


def _tell_pause(why: str, seconds: float) -> None:
    click.echo(f"callscope: {why}; again in {seconds:.0f} s", err=True)
