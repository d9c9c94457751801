"""A query as arguments and options of a command."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import click
import msgspec

from callscope.errors import SettingError
from callscope.query import language, moments
from callscope.query.query import CallQuery

_PROTECTED: Final = "\0"
"""Before an argument that begins with a dash and is no option. No argument of a process can hold it."""
_HELP: Final = "-h"
_COUNTED: Final = "every call that fits is counted"
COUNTS: Final = MappingProxyType({"sort": _COUNTED, "limit": _COUNTED, "cursor": _COUNTED})
"""What of a query means nothing to a command that has no list of calls."""


def one(_context: click.Context, _parameter: click.Parameter, word: str) -> str:
    """An argument as it was given."""
    return word.removeprefix(_PROTECTED)


def several(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Arguments as they were given."""
    return tuple(one(context, parameter, word) for word in words)


argument = click.argument("words", metavar="[QUERY]...", nargs=-1, callback=several)
since = click.option(
    "--since", metavar="TIME", help="Calls that started then or later: 7d, 24h, 2026-11-20, today. UTC."
)
until = click.option("--until", metavar="TIME", help="Calls that started before: the same words.")
limit = click.option(
    "--limit",
    type=click.IntRange(1, language.MAX_LIMIT),
    help=f"How many on a page [default: that of the query, else {CallQuery().limit}].",
)
cursor = click.option("--cursor", metavar="CURSOR", help="Go on where a page of the same query ended: its next.")


class QueryCommand(click.Command):
    """A command with a query: ``-status:completed`` is a condition, not five options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what begins with one dash for a part of the query, unless it is an option's value."""
        with_value = {
            name
            for option in self.get_params(ctx)
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        before = ""
        for number, argument in enumerate(args):
            if argument == "--":
                break
            if _is_condition(argument) and before not in with_value:
                args[number] = _PROTECTED + argument
            before = argument
        return super().parse_args(ctx, args)


def parse(
    words: tuple[str, ...], *, now_ms: int, idle: Mapping[str, str] = MappingProxyType({}), **narrower: Any
) -> CallQuery:
    """The query that the arguments make together; see `callscope.query.language.parse`, and `narrowed` for the rest.

    Raises:
        QueryError: it is none.
        SettingError: an option is wrong.
    """
    return narrowed(language.parse(" ".join(words), now_ms=now_ms, idle=idle), now_ms=now_ms, **narrower)


def narrowed(
    query: CallQuery,
    *,
    now_ms: int,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> CallQuery:
    """A query with what options say beside it: times narrow it, limit and cursor take the place of its own.

    Raises:
        SettingError: a word is no time, or no time is left.
    """
    since_ms, until_ms = query.since_ms, query.until_ms
    if since is not None:
        since_ms = max(since_ms or 0, moments.parse(since, option="--since", now_ms=now_ms))
    if until is not None:
        end_ms = moments.parse(until, option="--until", now_ms=now_ms)
        until_ms = end_ms if until_ms is None else min(until_ms, end_ms)
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        raise SettingError("the range of time is empty: its end is not after its beginning")
    return msgspec.structs.replace(
        query,
        since_ms=since_ms,
        until_ms=until_ms,
        limit=query.limit if limit is None else limit,
        cursor=query.cursor if cursor is None else cursor,
    )


def _is_condition(argument: str) -> bool:
    return argument.startswith("-") and not argument.startswith("--") and argument not in {"-", _HELP}
