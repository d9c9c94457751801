"""Runs an example with a patient caller, and says at its end how that one fared: ``python noted_example.py FILE``.

What it prints is one line of JSON: the ``late_ms`` and ``choppy_ms`` of the caller's `CallHeard`. Without its caller
an example waits for ever: when that one fails, the process ends. ``SIGUSR1`` ends it with its tasks on stderr.
"""

import asyncio
import faulthandler
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from logged_calls import patient

from callscope.demo import caller
from callscope.demo.scenarios import Scenario

LATE = 75
"""How the process ends when the machine was too busy to let the caller in; any other failure of it ends with 1."""

make_call = caller.call


async def noted(scenario: Scenario, **named: Any) -> caller.CallHeard:
    """The caller that the example knows."""
    try:
        heard = await make_call(patient(scenario), **named)
    except Exception as error:  # noqa: BLE001 -- Pipecat would log it and wait for another caller
        traceback.print_exc()
        os._exit(LATE if isinstance(error, TimeoutError) else 1)
    print(json.dumps({"late_ms": heard.late_ms, "choppy_ms": heard.choppy_ms}), flush=True)  # noqa: T201 -- the answer
    return heard


def end_with_tasks(*_: object) -> None:
    """Write what each task waits for, and what each thread does, and end."""
    for task in asyncio.all_tasks():
        print(task.get_name(), *_frames(task.get_coro()), sep="\n    ", file=sys.stderr)  # noqa: T201 -- for the test
    sys.stderr.flush()
    faulthandler.dump_traceback()
    os._exit(1)


def _frames(awaited: Any) -> Iterator[str]:
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        awaited = awaited.cr_await


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, end_with_tasks)
    vars(caller)["call"] = noted
    runpy.run_path(sys.argv[1], run_name="__main__")
