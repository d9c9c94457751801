"""Options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from callscope import config
from callscope.errors import SettingError

ROOT_HELP: Final = "The archive [default: PATTER_LOG_DIR]."

root = click.option("--root", metavar="DIR", help=ROOT_HELP)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def archive(given: str | None) -> Path:
    """The archive's directory; raises `SettingError` when neither the option nor the environment names one."""
    path = config.resolve_log_root(given)
    if path is None:
        raise SettingError(f"which archive? give --root DIR, or set {config.ROOT}")
    return path
