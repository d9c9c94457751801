"""One response of the model: its words, its sound, and how far it was heard."""

from __future__ import annotations

from typing import Final

_MAX_CHARACTERS: Final = 64_000
_MAX_ITEMS: Final = 32


class Answer:
    """What is known of a response while it goes on."""

    def __init__(self, response_id: str, at_ms: float, *, is_aside: bool = False) -> None:
        self.id = response_id
        self.created_ms = at_ms
        self.is_aside = is_aside
        """Outside of the conversation: nothing of it is said."""
        self.first_ms: float | None = None
        self.begun_ms: float | None = None
        """When its sound began to be played."""
        self.stops_ms: float | None = None
        """When all of its sound so far is played."""
        self.sound_ms = 0.0
        self.has_all_sound = True
        """Whether the sound itself is known, not just that there was some."""
        self.is_played = False
        """The server plays it, and tells when."""
        self.is_done = False
        """The server said that it is over."""
        self.is_complete = False
        """No more of it comes, or is waited for."""
        self.is_started_told = False
        self.is_over = False
        self.cut_ms: float | None = None
        self.heard_ms: float | None = None
        """How much of its sound was played when it was cut off, as the client says."""
        self.is_cut_final = False
        self.is_turn_detected = False
        self.settle_ms = 0.0
        """From then on nobody tells any more how far it was heard."""
        self._items: dict[str, float] = {}
        self._words: dict[tuple[str, str], list[str]] = {}
        self._size = 0

    def item(self, item_id: str, *, sound: bool = False) -> None:
        """It has this item, whose sound begins behind what there is so far."""
        if item_id and (item_id not in self._items or sound) and len(self._items) < _MAX_ITEMS:
            self._items.setdefault(item_id, self.sound_ms)

    def has(self, item_id: str) -> bool:
        """Whether the item is one of its."""
        return item_id in self._items

    def offset_ms(self, item_id: str) -> float:
        """How much of its sound comes before that of an item."""
        return self._items.get(item_id, 0.0)

    def word(self, item_id: str, part: str, delta: str) -> None:
        """More words of a part."""
        if self._size < _MAX_CHARACTERS:
            self._words.setdefault((item_id, part), []).append(delta)
            self._size += len(delta)

    def said(self, item_id: str, part: str, words: str) -> None:
        """All words of a part."""
        self._words[item_id, part] = [words[:_MAX_CHARACTERS]]

    @property
    def text(self) -> str:
        """What was generated."""
        return " ".join(filter(None, ("".join(pieces).strip() for pieces in self._words.values())))

    def heard(self, played_ms: float | None) -> str | None:
        """The words that were probably heard: as large a share of them as of the sound. None: nobody knows."""
        text = self.text
        if played_ms is not None and played_ms <= 0:
            return ""
        if played_ms is None or not self.has_all_sound or self.sound_ms <= 0:
            return None
        if played_ms >= self.sound_ms:
            return text
        words = text.split()
        return " ".join(words[: int(len(words) * played_ms / self.sound_ms)])
