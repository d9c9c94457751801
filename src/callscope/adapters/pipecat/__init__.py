"""Records the calls of a Pipecat pipeline (1.3 and later).

Attach it in one line, before the worker runs::

    attach(worker, CallLogger.from_env())

or give the worker the observer itself::

    worker.add_observer(CallObserver(CallLogger.from_env()))

or in none: let ``PIPECAT_SETUP_FILES`` name the file that ``callscope pipecat-setup`` prints. All three give the
same record. Nothing here raises into the pipeline or waits, and a logger that is off costs nothing.
"""

from __future__ import annotations

from callscope.errors import MissingExtraError

try:
    import pipecat  # noqa: F401 -- asked for here, so that a missing one is told in one line
except ModuleNotFoundError as error:
    raise MissingExtraError("pipecat", what="recording a Pipecat pipeline") from error

from callscope.adapters.pipecat.observer import CallObserver, attach, process_logger

__all__ = ["CallObserver", "attach", "process_logger"]
