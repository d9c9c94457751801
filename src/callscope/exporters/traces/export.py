"""``--format otlp``: the calls of a query as traces, in one file or sent to an endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from callscope.errors import SettingError
from callscope.exporters.format import Done, Request
from callscope.exporters.place import new_file
from callscope.exporters.tables.selection import paths_of
from callscope.exporters.traces import document, messages
from callscope.exporters.traces.calls import traced
from callscope.exporters.traces.endpoint import endpoint
from callscope.exporters.traces.sender import AT_ONCE, Encoding, RefusedError, Sender, UnreachableError
from callscope.interop.spans import Span
from callscope.interop.trace import TraceOptions
from callscope.report import figures

_JSON: Final = "json"
_PROTOBUF: Final = "protobuf"
_LINES: Final = "lines"
_FORMS: Final = {".json": _JSON, ".jsonl": _LINES, ".ndjson": _LINES, ".pb": _PROTOBUF, ".binpb": _PROTOBUF}


def run(request: Request) -> Done:
    """Write or send the traces of a query's calls.

    Raises:
        CallscopeError: what is asked does not go together, nothing can be written there, or the endpoint does not
            take it; calls that it took before are taken again without harm: their ids are the same.
    """
    if request.options["endpoint"] is not None:
        return _send(request)
    if request.options["header"]:
        raise SettingError("--header is of requests: give --endpoint, too")
    if request.output is None:
        form = _PROTOBUF if request.options["encoding"] == _PROTOBUF else _LINES
        return _written(request, _file(request.stdout, form))
    form = _form_of(request.output, request.options["encoding"])
    with new_file(request.output, force=request.force) as file:
        done = _written(request, _file(file, form))
        size = file.tell()
    return Done(calls=done.calls, written=(request.output,), bytes=size, notes=done.notes)


class _File(Protocol):
    def write(self, spans: tuple[Span, ...]) -> None: ...

    def close(self) -> None: ...


class _Lines:
    """A request a line, as the collector's file receiver reads it. As protobuf, requests behind each other are one."""

    def __init__(self, file: BinaryIO, *, protobuf: bool) -> None:
        self._file = file
        self._protobuf = protobuf

    def write(self, spans: tuple[Span, ...]) -> None:
        self._file.write(messages.request(spans) if self._protobuf else document.request(spans) + b"\n")

    def close(self) -> None:
        """Nothing is left."""


class _Document:
    """One request, as JSON."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_first = True
        file.write(b'{"resourceSpans":[')

    def write(self, spans: tuple[Span, ...]) -> None:
        for resource in document.resources(spans):
            self._file.write(b"\n" if self._is_first else b",\n")
            self._file.write(document.encoded(resource))
            self._is_first = False

    def close(self) -> None:
        self._file.write(b"\n]}\n")


def _file(file: BinaryIO, form: str) -> _File:
    if form == _PROTOBUF:
        messages.require()
    return _Document(file) if form == _JSON else _Lines(file, protobuf=form == _PROTOBUF)


def _form_of(output: Path, encoding: str | None) -> str:
    form = _FORMS.get(output.suffix.lower())
    if form is None:
        raise SettingError(f"{output} is no name for it: end it in .jsonl or .json, or in .pb for protobuf")
    if encoding is not None and (encoding == _PROTOBUF) != (form == _PROTOBUF):
        raise SettingError(f"{output} is no name for {encoding}: leave out --encoding, the name tells")
    return form


def _written(request: Request, file: _File) -> Done:
    left: Counter[str] = Counter()
    count = 0
    for spans in _traces(request, left):
        file.write(spans)
        count += 1
    file.close()
    return Done(calls=count, notes=_notes(left))


def _send(request: Request) -> Done:
    if request.output is not None:
        raise SettingError("--endpoint and --output: give one of them")
    encoding: Encoding = "protobuf" if request.options["encoding"] == _PROTOBUF else "json"
    sender = Sender(endpoint(request.options["endpoint"], request.options["header"]), encoding=encoding)
    left: Counter[str] = Counter()
    calls = taken = rejected = 0
    why = ""
    try:
        for spans, count in _batches(_traces(request, left)):
            sent = sender.send(spans)
            calls, taken, rejected, why = calls + count, taken + sent.spans, rejected + sent.rejected, sent.why or why
    except (RefusedError, UnreachableError) as error:
        if calls:
            error.args = (f"{error}. {figures.count(calls, 'call')} were taken before; sent again, they are the same",)
        raise
    notes = [f"{figures.count(taken, 'span')} of {figures.count(calls, 'call')} sent to {sender.endpoint.shown}"]
    if rejected:
        notes.append(f"{figures.count(rejected, 'span')} rejected there{f': {why}' if why else ''}")
    return Done(calls=calls, notes=(*notes, *_notes(left)))


def _batches(traces: Iterator[tuple[Span, ...]]) -> Iterator[tuple[list[Span], int]]:
    """Calls together until they fill a request, and how many they are."""
    batch: list[Span] = []
    calls = 0
    for spans in traces:
        if batch and len(batch) + len(spans) > AT_ONCE:
            yield batch, calls
            batch, calls = [], 0
        batch = [*batch, *spans]
        calls += 1
    if batch:
        yield batch, calls


def _traces(request: Request, left: Counter[str]) -> Iterator[tuple[Span, ...]]:
    """The calls' spans; those without any are counted by what is the matter."""
    options = _options(request.options)
    paths = [request.call] if request.call is not None else list(paths_of(request.index, request.query))
    for done, path in enumerate(paths, 1):
        trace = traced(request.root, path, options, now_ms=request.now_ms)
        if trace.why_not is not None:
            left[trace.why_not] += 1
        else:
            yield trace.spans
        if request.progress is not None:
            request.progress(done, len(paths))


def _options(values: Mapping[str, Any]) -> TraceOptions:
    return TraceOptions(
        content=values["content"],
        openinference=values["openinference"],
        rows=not values["no-rows"],
        service=values["service"],
    )


def _notes(left: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{figures.count(count, 'call')} {why}: left out" for why, count in sorted(left.items()))
