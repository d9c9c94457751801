"""Runs an example with a patient caller, and says at its end how that one fared: ``python noted_example.py FILE``.

What it prints is one line of JSON: the ``late_ms`` and ``choppy_ms`` of the caller's `CallHeard`.
"""

import json
import runpy
import sys
from typing import Any

from logged_calls import patient

from callscope.demo import caller
from callscope.demo.scenarios import Scenario

make_call = caller.call


async def noted(scenario: Scenario, **named: Any) -> caller.CallHeard:
    """The caller that the example knows."""
    heard = await make_call(patient(scenario), **named)
    print(json.dumps({"late_ms": heard.late_ms, "choppy_ms": heard.choppy_ms}), flush=True)  # noqa: T201 -- the answer
    return heard


if __name__ == "__main__":
    vars(caller)["call"] = noted
    runpy.run_path(sys.argv[1], run_name="__main__")
