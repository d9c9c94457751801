"""A target with its secrets: what ``${NAME}`` in its settings stands for.

The secrets are here only, on the way to who is told. State, pages, errors and logs know a target by its name; what a
receiver answers is cleaned of them (`Filled.without_secrets`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from callscope.alerts.rule import Target
from callscope.errors import SettingError

_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LITERAL: Final = frozenset({"run"})
"""Settings in which ``${NAME}`` stands for itself: arguments of a command can be seen by all users of the machine."""
_LEAST_SECRET: Final = 4
"""Characters: shorter ones would be found everywhere."""
_LEAST_PART: Final = 8
HIDDEN: Final = "***"


class Filled:
    """A target whose settings can be used.

    Not a struct: a struct shows its fields when it is printed.
    """

    __slots__ = ("_secrets", "kind", "name", "settings")

    def __init__(self, target: Target, settings: Mapping[str, Any], secrets: frozenset[str]) -> None:
        self.name = target.name
        self.kind = target.kind
        self.settings = settings
        self._secrets = secrets

    def without_secrets(self, text: str) -> str:
        """The text with ``***`` for whatever is secret in the settings."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Filled({self.name!r}, {self.kind!r})"


def fill(target: Target, variable: Callable[[str], str | None]) -> Filled:
    """Take what is named from the environment.

    Args:
        target: as the file of rules says it.
        variable: the value of a variable of the environment; None: it is not set.

    Raises:
        SettingError: a variable is not set, or empty; says where it is named. So is what a setting becomes with it,
            where that is no address; without saying it.
    """
    secrets: set[str] = set()

    def value_of(value: Any, key: str) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(lambda found: of(found[1], key), value)
        if isinstance(value, Mapping):
            return {name: value_of(one, f"{key}.{name}") for name, one in value.items()}
        if isinstance(value, list | tuple):
            return tuple(value_of(one, key) for one in value)
        return value

    def of(name: str, key: str) -> str:
        where = f"{target.place or 'the rules'}: {key} of target {target.name!r}"
        if not _NAME.fullmatch(name):
            raise SettingError(f"{where}: ${{{name}}} is no name of a variable: write letters, digits and _")
        found = variable(name)
        if not found:
            raise SettingError(
                f"{where}: the environment has no variable {name}: set it where callscope watch or serve runs"
            )
        secrets.add(found)
        return found

    settings = {key: value if key in _LITERAL else value_of(value, key) for key, value in target.settings.items()}
    return Filled(target, settings, frozenset(_all_secrets(secrets, settings)))


def _all_secrets(named: set[str], settings: Mapping[str, Any]) -> set[str]:
    """What was taken from the environment, and what is secret wherever it stands: addresses hold tokens."""
    found = set(named)
    for key in ("url", "urls"):
        value = settings.get(key, ())
        for address in (value,) if isinstance(value, str) else value:
            found.add(address)
            found |= _parts_of(address)
    if isinstance(settings.get("secret"), str):
        found.add(settings["secret"])
    for key in ("headers", "env"):
        if isinstance(settings.get(key), Mapping):
            found |= {str(value) for value in settings[key].values()}
    return {each for each in found if len(each) >= _LEAST_SECRET}


def _parts_of(address: str) -> set[str]:
    """What a service may say back of an address when it complains. Short words are no secrets, and everywhere."""
    try:
        at = urlsplit(address)
        parts = {at.password or "", at.query, at.path.strip("/"), *at.path.split("/")}
        parts |= {value for values in parse_qs(at.query).values() for value in values}
    except ValueError:
        return set()
    return {each for each in parts if len(each) >= _LEAST_PART}
