"""The compiled catalogue: a header that is read at once, and a line a provider that is read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import msgspec

from callscope.errors import UnreadableError
from callscope.prices.entry import Provider

SCHEMA: Final = 1
_REBUILD: Final = "install callscope again, or run scripts/compile_prices"


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    schema: int
    version: str
    """The day of the newest price, a dot, and a digest of the prices."""
    providers: tuple[tuple[str, tuple[str, ...]], ...]
    """Id, and all aliases and hosts, in the order of the lines that follow."""


class Catalogue:
    """Every list price. Threads may share one: what two of them decode at once is the same.

    Args:
        compiled: what ``scripts/compile_prices`` writes; kept, as lines of it are decoded later.

    Raises:
        UnreadableError: it is something else, or of another schema.
    """

    def __init__(self, compiled: bytes) -> None:
        head, *lines = compiled.rstrip(b"\n").split(b"\n")
        try:
            header = msgspec.json.decode(head, type=Header)
        except msgspec.MsgspecError as error:
            raise UnreadableError(f"the price catalogue has no header ({error}): {_REBUILD}") from None
        if header.schema != SCHEMA or len(lines) != len(header.providers):
            raise UnreadableError(
                f"the price catalogue has schema {header.schema} and {len(lines)} of {len(header.providers)} providers;"
                f" schema {SCHEMA} and all of them are needed: {_REBUILD}"
            )
        self.version = header.version
        self.provider_ids = tuple(id_ for id_, _ in header.providers)
        self._lines = dict(zip(self.provider_ids, lines, strict=True))
        self._named = {name: id_ for id_, names in header.providers for name in (*names, id_)}
        self._decoded: dict[str, Provider] = {}

    def provider(self, id_: str) -> Provider | None:
        """The provider of that id; None when there is none."""
        found = self._decoded.get(id_)
        if found is None and (line := self._lines.get(id_)) is not None:
            found = self._decoded[id_] = msgspec.json.decode(line, type=Provider)
        return found

    def providers(self) -> Iterator[Provider]:
        """All of them, in the order of their ids' lines."""
        for id_ in self.provider_ids:
            provider = self.provider(id_)
            if provider is not None:
                yield provider

    def named(self, name: str) -> str | None:
        """The id of a provider by id, alias or host, in any case; ``eu.api.example.com`` is ``api.example.com``."""
        name = name.strip().lower()
        found = self._named.get(name)
        if found is not None or "." not in name:
            return found
        labels = name.split(".")
        ends = accumulate(reversed(labels), lambda end, label: f"{label}.{end}")
        hosts = [self._named[end] for end in ends if "." in end and end in self._named]
        return hosts[-1] if hosts else None
