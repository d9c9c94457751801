"""``callscope receive``: calls from what others send, while they go on: traces, and LiveKit's insights."""

from __future__ import annotations

import click

from callscope.cli import options
from callscope.errors import MissingExtraError, SettingError
from callscope.query import quantities
from callscope.report.safe_text import clean

_PORT = 4318


@click.command("receive")
@options.root
@click.option("--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond this machine, a token is needed.")
@click.option("--allow-host", "allowed_hosts", multiple=True, metavar="NAME", help="One more name of this machine.")
@click.option("--token", metavar="TEXT", help="What a sender must know [default: beyond this machine, a new one].")
@click.option(
    "--silence",
    metavar="WAIT",
    default="900s",
    show_default=True,
    help="A call whose end does not come is over when nothing came for so long.",
)
def command(
    *, root: str | None, port: int, host: str, allowed_hosts: tuple[str, ...], token: str | None, silence: str
) -> None:
    """Receive OpenTelemetry traces of Pipecat, LiveKit Agents and others; make calls of them, live.

    OTLP over HTTP, as JSON or protobuf (docs/otlp.md), and what LiveKit's agents send to LIVEKIT_OBSERVABILITY_URL
    (docs/livekit-reports.md), signed with LIVEKIT_API_KEY and LIVEKIT_API_SECRET. `callscope serve` receives, too: this
    is for a machine without the dashboard.
    """
    from callscope.receivers import livekit_token  # noqa: PLC0415 -- where it is needed

    try:
        from callscope.web import receiving  # noqa: PLC0415 -- an extra, and slow to import for the other commands
    except ModuleNotFoundError as error:
        raise MissingExtraError("dashboard", what="The receiver") from error
    archive = options.archive(root)
    if archive.exists() and not archive.is_dir():
        raise SettingError(f"--root {archive} is no directory")
    silence_ms = round(quantities.number(silence, field="--silence", unit="ms"))
    if silence_ms <= 0:
        raise SettingError("--silence 0: write how long nothing has to come, as in 900s")

    livekit = livekit_token.from_environment()

    def ready(address: str, secret: str | None) -> None:
        click.echo(f"callscope receives into {clean(archive)} on {address}  (Ctrl-C ends it)", err=True)
        click.echo(f"  OTEL_EXPORTER_OTLP_ENDPOINT={address}", err=True)
        if livekit is not None or secret is None:  # else no agent's upload is taken
            click.echo(f"  LIVEKIT_OBSERVABILITY_URL={address}", err=True)
        if secret is not None:
            click.echo(f"  OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{clean(secret)}", err=True)

    receiver = receiving.receive(
        archive,
        host=host,
        port=port,
        allowed_hosts=allowed_hosts,
        token=token,
        silence_ms=silence_ms,
        livekit=livekit,
        ready=ready,
    )
    counts = receiver.counts
    click.echo(
        f"received {counts['records']:,} records, and {counts['known']:,} that were there already;"
        f" refused {counts['rejected']:,}; wrote calls {counts['told']:,} times",
        err=True,
    )
