"""The options of formats as options of the command: all of them, and those of the one that was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from callscope.errors import SettingError
from callscope.exporters.format import Option


def click_options(options: Mapping[str, Iterable[Option]]) -> list[click.Option]:
    """Each option of some formats once; the help says which formats have it."""
    of: dict[str, list[str]] = {}
    known: dict[str, Option] = {}
    for name, each in options.items():
        for option in each:
            known.setdefault(option.name, option)
            of.setdefault(option.name, []).append(name)
    return [_option(option, ", ".join(of[name])) for name, option in known.items()]


def chosen(context: click.Context, options: Mapping[str, Iterable[Option]], form: str) -> dict[str, Any]:
    """The values of a format's own options, by name.

    Raises:
        SettingError: an option was given that is one of other formats.
    """
    own = {option.name for option in options[form]}
    values: dict[str, Any] = {}
    for name in {option.name for each in options.values() for option in each}:
        parameter = name.replace("-", "_")
        if name in own:
            values[name] = context.params[parameter]
        elif context.get_parameter_source(parameter) is not ParameterSource.DEFAULT:
            of = [each for each in options if any(option.name == name for option in options[each])]
            raise SettingError(f"--{name} means nothing to --format {form}: it is of {', '.join(of)}")
    return values


def _option(option: Option, of: str) -> click.Option:
    flag = option.metavar is None
    return click.Option(
        [f"--{option.name}"],
        is_flag=flag,
        default=False if flag else None if option.several else option.default,
        type=click.Choice(option.choices) if option.choices else None,
        metavar=None if flag or option.choices else option.metavar,
        multiple=option.several,
        show_default=option.default is not None,
        help=f"{option.text} ({of})",
    )
