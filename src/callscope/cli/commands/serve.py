"""``callscope serve``: the dashboard in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from callscope import config
from callscope.cli import options
from callscope.errors import MissingExtraError, SettingError
from callscope.index.place import place_of
from callscope.query import quantities
from callscope.report.safe_text import clean

_PORT = 8765


@click.command("serve")
@options.root
@click.option("--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond this machine, a token is needed.")
@click.option("--allow-host", "allowed_hosts", multiple=True, metavar="NAME", help="One more name of this server.")
@click.option("--token", metavar="TEXT", help="What a browser must know [default: beyond this machine, a new one].")
@click.option("--target", metavar="WAIT", default="1.5s", show_default=True, help="The wait from which it is trouble.")
@click.option("--rules", metavar="FILE", help="Rules of alerts [default: as `callscope watch` has it].")
@click.option("--no-watch", is_flag=True, help="Do not look at the rules of alerts, tell nobody.")
@click.option("--open", "opens", is_flag=True, help="Open a browser on it, where there is a screen.")
def command(
    *,
    root: str | None,
    port: int,
    host: str,
    allowed_hosts: tuple[str, ...],
    token: str | None,
    target: str,
    rules: str | None,
    no_watch: bool,
    opens: bool,
) -> None:
    """Show the calls in a browser, live, until it is stopped.

    Listens on this machine alone unless told something else. Nothing is loaded from anywhere, nothing is sent anywhere
    but to the targets of your rules of alerts, where there are any. Takes traces (docs/otlp.md), and what LiveKit's
    agents send to LIVEKIT_OBSERVABILITY_URL (docs/livekit-reports.md), signed with LIVEKIT_API_KEY and
    LIVEKIT_API_SECRET.
    """
    from callscope.receivers import livekit_token  # noqa: PLC0415 -- where it is needed

    try:
        from callscope.web import server  # noqa: PLC0415 -- an extra, and slow to import for the other commands
    except ModuleNotFoundError as error:
        raise MissingExtraError("dashboard", what="The dashboard") from error
    archive = options.archive(root)
    if archive.exists() and not archive.is_dir():
        raise SettingError(f"--root {archive} is no directory")
    target_ms = round(quantities.number(target, field="--target", unit="ms"))
    if not target_ms:
        raise SettingError("--target 0: write the wait from which it is trouble, as in 1.5s")

    def ready(address: str) -> None:
        click.echo(f"callscope shows {clean(archive)} on {address}  (Ctrl-C ends it)", err=True)
        if opens and config.has_screen():
            import webbrowser  # noqa: PLC0415 -- slow to import, and needed here alone

            webbrowser.open(address)

    server.serve(
        archive,
        place=place_of(archive, config.index_place()),
        host=host,
        port=port,
        allowed_hosts=allowed_hosts,
        token=token,
        target_ms=target_ms,
        rules_file=None if rules is None else Path(rules).expanduser().absolute(),
        watching=not no_watch,
        livekit=livekit_token.from_environment(),
        ready=ready,
    )
