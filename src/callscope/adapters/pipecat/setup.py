"""The file for ``PIPECAT_SETUP_FILES``: records every worker of a process without a change to its code.

Pipecat loads it by its path and calls `setup_pipeline_worker` for each worker before its processors are set
up. Where calls go is read from the environment (``PATTER_LOG_DIR``); unset, nothing is attached.
"""

from __future__ import annotations

from typing import Any

from callscope.adapters.pipecat import attach, process_logger


async def setup_worker_runner(_runner: Any) -> None:
    """Make the process's logger, so that a root that cannot be written is told before the first call."""
    process_logger()


async def setup_pipeline_worker(worker: Any) -> None:
    """Attach to a worker that has its own pipeline.

    A bridged worker is part of another's call: what it does crosses the bus into the pipeline of the caller.
    """
    if not getattr(worker, "bridged", False):
        attach(worker)
