"""Records the calls of a Pipecat pipeline (1.3 and later).

Attach it in one line, before the worker runs::

    attach(worker)

or give the worker the observer itself::

    worker.add_observer(CallObserver(process_logger()))

or in none: let ``PIPECAT_SETUP_FILES`` name the file that ``callscope pipecat-setup`` prints. All three give the
same record. A logger has a thread and open files, so all calls of a process share one: never make it in the
function that takes a call. Nothing here raises into the pipeline or waits, and a logger that is off costs nothing.
"""

from __future__ import annotations

from callscope.errors import MissingExtraError

try:
    import pipecat  # noqa: F401 -- asked for here, so that a missing one is told in one line
except ModuleNotFoundError as error:
    raise MissingExtraError("pipecat", what="recording a Pipecat pipeline") from error

from callscope.adapters.pipecat.observer import CallObserver, attach, process_logger

__all__ = ["CallObserver", "attach", "process_logger"]
