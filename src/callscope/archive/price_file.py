"""The price book: the catalogue that comes with callscope, and the user's own file."""

from __future__ import annotations

from pathlib import Path

from callscope.errors import SettingError
from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.prices.budget import Budget
from callscope.prices.budget_source import budgets_of
from callscope.prices.own_source import own_prices_of


def read_book(path: Path | None) -> PriceBook:
    """List prices, and the user's own from ``path``.

    Raises:
        SettingError: the file is not there, cannot be read, or has a mistake; says where and what to write instead.
    """
    catalogue = shipped.catalogue()
    if path is None:
        return PriceBook(catalogue)
    providers = {provider.id: provider for provider in catalogue.providers()}
    return PriceBook(catalogue, own_prices_of(_text(path, "prices"), file=str(path), catalogue_providers=providers))


def read_budgets(path: Path) -> tuple[Budget, ...]:
    """The user's budgets; raises `SettingError` as `read_book` does."""
    providers = {provider.id: provider for provider in shipped.catalogue().providers()}
    return budgets_of(_text(path, "budgets"), file=str(path), providers=providers)


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SettingError(f"{path} is not there: name the file with your {what}, or none") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read as {what} ({error})") from error
