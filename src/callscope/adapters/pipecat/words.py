"""The words of one agent's turn: what was generated, what was given to the synthesizer, what was played."""

from __future__ import annotations

from typing import Final

_MAX_CHARACTERS: Final = 64_000

Parts = list[tuple[str, bool]]
"""Pieces of text, each with whether it brings its own spaces."""


class Words:
    """Collects the words of a turn. It is bounded: a turn without an end stops growing."""

    def __init__(self) -> None:
        self._generated: Parts = []
        self._announced: Parts = []
        self._synthesized: Parts = []
        self._played: Parts = []
        self._committed: list[str] = []
        self._size = 0
        self.goes_to_context = True
        """False when what was played was told to be left out of the conversation's context."""
        self.sounded = False
        """Whether any sound was made of it."""

    def new_response(self) -> None:
        """Another response of the language model begins; the same turn may hold several."""
        if self._generated:
            self._generated.append((" ", True))

    def generated(self, text: str) -> None:
        """A token of the language model; it brings its own spaces."""
        self._add(self._generated, text, spaced=True)

    def announced(self, text: str, *, spaced: bool) -> None:
        """A piece that the synthesizer is about to speak."""
        self._add(self._announced, text, spaced=spaced)

    def synthesized(self, text: str, *, spaced: bool) -> None:
        """A piece whose sound is on its way."""
        self._add(self._synthesized, text, spaced=spaced)

    def played(self, text: str, *, spaced: bool, committed: bool) -> None:
        """A piece that the caller has heard."""
        if not self._played:
            self.goes_to_context = committed
        self.goes_to_context = self.goes_to_context or committed
        self._add(self._played, text, spaced=spaced)

    def committed(self, text: str) -> None:
        """What the aggregator put in the conversation's context."""
        self._committed.append(text[: max(0, _MAX_CHARACTERS - self._size)])
        self._size += len(text)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing yet."""
        return self._size == 0

    @property
    def is_committed(self) -> bool:
        """Whether the aggregator has told this turn."""
        return bool(self._committed)

    @property
    def is_given(self) -> bool:
        """Whether anything went to a synthesizer."""
        return bool(self._announced or self._synthesized)

    @property
    def is_played(self) -> bool:
        """Whether all that went to the synthesizer has been played."""
        return bool(self._played) and len(plain(self.heard())) >= len(plain(self._given()))

    @property
    def context(self) -> str:
        """The turn as the conversation's context has it."""
        return " ".join(self._committed).strip()

    def heard(self) -> str:
        """What was played, to the last whole piece."""
        return joined(self._played).strip() or self.context

    def said(self) -> str:
        """What was generated: all of the language model's text where the turn speaks it, else what was to be spoken."""
        given = self._given() or self.heard()
        text = joined(self._generated).strip()
        if not given:
            return text
        return text if len(text) > len(given) and plain(text).startswith(plain(given)[:40]) else given

    def _given(self) -> str:
        announced, synthesized = joined(self._announced).strip(), joined(self._synthesized).strip()
        return announced if len(announced) >= len(synthesized) else synthesized

    def _add(self, parts: Parts, text: str, *, spaced: bool) -> None:
        if text and self._size < _MAX_CHARACTERS:
            parts.append((text, spaced))
            self._size += len(text)


def joined(parts: Parts) -> str:
    """Pieces as one text, with a space where a piece does not bring its own."""
    text: list[str] = []
    after_space = True
    for piece, spaced in parts:
        if not (spaced or after_space or piece[:1].isspace()):
            text.append(" ")
        text.append(piece)
        after_space = piece[-1:].isspace()
    return "".join(text)


def plain(text: str) -> str:
    """A text without its spaces, to compare by."""
    return "".join(text.split())
