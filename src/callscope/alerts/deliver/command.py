"""A program that is run with the notice: on its standard input, and in its environment.

Without a shell, in a group of processes of its own, which ends with its time. Of this process's environment it gets the
search path and the home directory; whatever else it needs stands in the target's ``env``: a script that posts to a
chat has no business with the keys of the model.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Final

from callscope.alerts.deliver.delivery_error import DeliveryError
from callscope.alerts.deliver.document import body, document
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.incidents import Notice
from callscope.report.safe_text import clean

LIMIT_MS: Final = 30_000
PREFIX: Final = "CALLSCOPE_ALERT_"
_SHOWN: Final = 300
"""Characters of what it said before it failed: the last ones, as a traceback ends with its reason."""


def send(notice: Notice, target: Filled, *, root: Path) -> None:
    """Run it; raises `DeliveryError` unless it ends with 0 in time."""
    run = [str(word) for word in target.settings["run"]]
    limit_ms = target.settings.get("timeout_ms") or LIMIT_MS
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as heard:
        said.write(body(notice) + b"\n")
        said.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 -- the user's own command, a list, without a shell
                run,
                stdin=said,
                stdout=subprocess.DEVNULL,
                stderr=heard,
                env=_environment(notice, target, root),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise DeliveryError(f"{target.name}: {clean(run[0])} cannot be run ({why})") from error
        code = _ended(process, limit_ms)
        if code is None:
            raise DeliveryError(f"{target.name}: it did not end within {limit_ms / 1000:g} s and was stopped")
        if code != 0:
            how = f"it was ended by signal {-code}" if code < 0 else f"it ended with {code}"
            last = target.without_secrets(_last(heard))
            raise DeliveryError(f"{target.name}: {how}{f': {last}' if last else ''}")


def _environment(notice: Notice, target: Filled, root: Path) -> dict[str, str]:
    told = document(notice)
    values = {
        f"{PREFIX}{name.upper()}": _plain(told[name])
        for name in (
            "id", "incident", "state", "severity", "rule", "kind", "key", "title", "words", "at", "since", "value",
            "threshold", "unit", "query", "link", "test",
        )
    }  # fmt: skip
    values[f"{PREFIX}CALLS"] = " ".join(call.path for call in notice.calls)
    values[f"{PREFIX}ROOT"] = str(root)
    own = {"PATH": os.pathsep.join(os.get_exec_path()), "HOME": str(Path.home()), "LC_ALL": "C.UTF-8"}
    return {**own, **target.settings.get("env", {}), **values}


def _plain(value: object) -> str:
    """Without NUL, which no environment can hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _ended(process: subprocess.Popen[bytes], limit_ms: int) -> int | None:
    """Its code; None: it had to be stopped, and everything it started with it."""
    try:
        return process.wait(limit_ms / 1000)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def _last(heard: IO[bytes]) -> str:
    size = heard.seek(0, os.SEEK_END)
    heard.seek(max(0, size - 4 * _SHOWN))
    return clean(heard.read().decode("utf-8", "replace").strip())[-_SHOWN:]
