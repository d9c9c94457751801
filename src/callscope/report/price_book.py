"""The prices that a command works with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from callscope import config
from callscope.archive.price_file import read_book

if TYPE_CHECKING:
    from callscope.prices.book import PriceBook


def price_book(option: str | None) -> PriceBook:
    """List prices with the user's own: of the file that ``--prices`` names, else of the usual one if it is there.

    Raises:
        SettingError: the file is not there, or has a mistake; says where and what to write instead.
    """
    return read_book(config.prices_file() if option is None else Path(option).expanduser())
