"""One thing to translate, and where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from callscope.errors import UnreadableError
from callscope.model import wire


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """What a format makes calls of: a document, a file, or a call's directory with its files."""

    place: str
    """Where it stands, for messages: ``calls.json``, ``calls.jsonl:12``."""
    name: str
    """A file name to keep it under."""
    content: bytes = b""
    files: dict[str, bytes] = {}
    """Of a directory: its files."""
    directory: Path | None = None
    """Of a directory: its place."""

    def document(self) -> Any:
        """Its content as JSON; raises `UnreadableError`."""
        try:
            return wire.decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.unreadable(f"is no JSON ({error})") from error

    def object(self) -> dict[str, Any]:
        """Its content as a JSON object; raises `UnreadableError`."""
        value = self.document()
        if not isinstance(value, dict):
            raise self.unreadable("is no JSON object")
        return value

    def unreadable(self, why: str) -> UnreadableError:
        """An error that tells the place."""
        return UnreadableError(f"{self.place} {why}")
