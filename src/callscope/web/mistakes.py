"""What is wrong with settings of logs, alerts, traces and saved views, for the Health page and ``callscope doctor``.

Each part's own reader says it; what it needs is imported when somebody asks.
"""

from __future__ import annotations

from pathlib import Path

from callscope import config
from callscope.errors import SettingError


def mistakes(rules_file: Path) -> tuple[str, ...]:
    """All of it, each with what comes of it. Nothing is written. Not safe to print as it is.

    Args:
        rules_file: the rules of alerts, whether they are there or not.
    """
    from callscope.logs import settings as of_logs  # noqa: PLC0415 -- see the module

    return (*of_logs.mistakes(), *_of_alerts(rules_file), *_of_traces(), *_of_views())


def _of_alerts(rules_file: Path) -> tuple[str, ...]:
    if not _is_there(config.ALERTS, rules_file):
        return ()
    from callscope.alerts.rule_source import read_rules  # noqa: PLC0415 -- see the module

    try:
        read_rules(rules_file)
    except SettingError as error:
        return (f"The rules of alerts are not looked at as they are now: {error}",)
    return ()


def _of_traces() -> tuple[str, ...]:
    from callscope.exporters.traces.endpoint import ENDPOINT, HEADERS, endpoint  # noqa: PLC0415 -- see the module

    given, headers = (config.variable(name) or "" for name in (ENDPOINT, HEADERS))
    if not given and not headers.strip():
        return ()
    try:
        endpoint(given or "http://localhost:4318")
    except SettingError as error:
        why = str(error)
        if not why.startswith(HEADERS):
            is_secret = any(sign in given for sign in "@?")
            why = f"{ENDPOINT}: " + ("it is no address: give one as http://localhost:4318" if is_secret else why)
        return (f"`callscope forward` ends with this: {why}",)
    return ()


def _of_views() -> tuple[str, ...]:
    file = config.views_file()
    if not _is_there(config.VIEWS, file):
        return ()
    try:
        from callscope.web.saved_views import read_views  # noqa: PLC0415 -- see the module
    except ImportError:  # without the packages of the dashboard nobody reads them
        return ()
    try:
        read_views(file)
    except SettingError as error:
        return (f"Saved views are neither shown nor changed until it is corrected: {error}",)
    return ()


def _is_there(variable: str, file: Path) -> bool:
    """Whether a file is named, else whether it is in the usual place, where it need not be."""
    return bool((config.variable(variable) or "").strip()) or file.is_file()
