"""The formats there are: every module beside this package is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, Protocol, cast

from callscope import importers
from callscope.errors import SettingError, UnreadableError
from callscope.importers.base.original import Original
from callscope.model.whole import WholeCall

_BASE: Final = "base"

Unit = Literal["document", "file"]


class Format(Protocol):
    """What a format's module has.

    It may also have ``UNIT`` (`Unit`): ``document`` (the default), when each JSON document of a file tells of calls by
    itself, also each element of a list and each line of a ``.jsonl`` file; ``file``, when only the whole file does. And
    ``originals(path)``, when it looks through files and directories in its own way.
    """

    HELP: str
    """What it reads, in one line."""

    def translate(self, original: Original) -> list[WholeCall]:
        """The calls that an original tells of; none when it tells of none that has ended. Pure.

        Raises:
            UnreadableError: it is not what it should be; the message begins with its place.
        """
        ...


class Looking(Protocol):
    """How a format looks through a path in its own way."""

    def __call__(self, path: Path) -> Iterator[Original | UnreadableError]:
        """What is there to translate, in a fixed order."""
        ...


def names() -> list[str]:
    """The names of all formats."""
    found = [module.name for module in pkgutil.iter_modules(importers.__path__)]
    return sorted(name.replace("_", "-") for name in found if name != _BASE)


def named(name: str) -> Format:
    """A format by its name; raises `SettingError` where there is none."""
    if name not in names():
        raise SettingError(f"there is no format {name!r}: give one of {', '.join(names())}")
    return cast("Format", importlib.import_module(f"{importers.__name__}.{name.replace('-', '_')}"))


def unit_of(form: Format) -> Unit:
    """What the format translates at once."""
    return cast("Unit", getattr(form, "UNIT", "document"))


def looking_of(form: Format) -> Looking | None:
    """Its own way through files and directories; None when it has none."""
    return cast("Looking | None", getattr(form, "originals", None))
