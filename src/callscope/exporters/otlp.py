"""OpenTelemetry traces: OTLP as JSON or protobuf, in a file, or sent to a collector."""

from __future__ import annotations

from callscope.exporters.format import Done, Format, Option, Request

CONTENT = Option(name="content", text="Also words, without personal data: what was said, arguments, error texts.")
OPENINFERENCE = Option(name="openinference", text="Also OpenInference's attributes, for Phoenix and others.")
NO_ROWS = Option(name="no-rows", text="Leave out the events that only callscope reads back.")
SERVICE = Option(name="service", text="The traces' service.name.", metavar="NAME", default="callscope")
ENDPOINT = Option(name="endpoint", text="Send to this collector, as http://localhost:4318.", metavar="URL")
HEADER = Option(name="header", text="Send this header too; may be given again.", metavar="NAME=VALUE", several=True)
ENCODING = Option(
    name="encoding", text="How to send; of a file its name tells.", metavar="NAME", choices=("json", "protobuf")
)


def _run(request: Request) -> Done:
    from callscope.exporters.traces import export  # noqa: PLC0415 -- HTTP and TLS, for who exports traces alone

    return export.run(request)


FORMAT = Format(
    name="otlp",
    text="OpenTelemetry traces: FILE.jsonl, FILE.json or FILE.pb, or sent to --endpoint.",
    run=_run,
    options=(CONTENT, OPENINFERENCE, NO_ROWS, SERVICE, ENDPOINT, HEADER, ENCODING),
    suffix=".jsonl",
)
