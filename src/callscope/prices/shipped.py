"""The catalogue that comes with the package."""

from __future__ import annotations

import pkgutil
from functools import cache

from callscope.errors import UnreadableError
from callscope.prices.catalogue import Catalogue


@cache
def catalogue() -> Catalogue:
    """Read and parse it, once a process.

    Raises:
        UnreadableError: it is not in the package, or cannot be read.
    """
    compiled = pkgutil.get_data("callscope.prices", "data/catalogue.jsonl")
    if compiled is None:
        raise UnreadableError("the price catalogue is not in the package: install callscope again")
    return Catalogue(compiled)
