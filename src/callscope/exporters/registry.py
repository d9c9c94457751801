"""The formats that there are: every module of this package that has a ``FORMAT``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from callscope import exporters
from callscope.exporters.format import Format


@cache
def formats() -> dict[str, Format]:
    """All formats by name. What a format needs beyond callscope itself is imported when it is used."""
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(exporters.__path__):
        if not module.ispkg:
            each = getattr(importlib.import_module(f"{exporters.__name__}.{module.name}"), "FORMAT", None)
            if isinstance(each, Format):
                found[each.name] = each
    return dict(sorted(found.items()))
