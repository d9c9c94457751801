"""Prometheus' text format, for node_exporter's textfile collector; the dashboard serves the same at ``/metrics``."""

from __future__ import annotations

from typing import Final

from callscope.errors import SettingError
from callscope.exporters.format import Done, Format, Request
from callscope.exporters.metrics.exposition import Metrics
from callscope.exporters.place import new_file

_SUFFIX: Final = ".prom"
_MODE: Final = 0o644
"""node_exporter is another user, and there are no words of callers in it."""


def _run(request: Request) -> Done:
    output = request.output
    if output is not None and output.suffix != _SUFFIX:
        raise SettingError(f"{output} is no name for it: node_exporter reads files that end in {_SUFFIX}")
    text, _ = Metrics(request.index).text(now_ms=request.now_ms)
    if output is None:
        request.stdout.write(text)
        return Done()
    with new_file(output, force=True, mode=_MODE) as file:
        file.write(text)
    return Done(written=(output,), bytes=len(text))


FORMAT = Format(
    name="prometheus",
    text="Counters and histograms of all calls, for Prometheus; FILE.prom is replaced.",
    of="archive",
    run=_run,
    suffix=_SUFFIX,
)
