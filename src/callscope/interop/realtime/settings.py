"""What a session is set to, by the names of today and by those of the beta."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from callscope.interop.realtime.values import known, mapping, number, text, within

PROVIDER: Final = "openai"
_BYTES_A_SECOND: Final = {"audio/pcmu": 8_000, "audio/pcma": 8_000, "g711_ulaw": 8_000, "g711_alaw": 8_000}
_PCM_BYTES_A_SECOND: Final = 48_000
_NO_SETTINGS: Final = frozenset({"id", "object", "type", "expires_at", "client_secret"})
_MAX_NAMES: Final = 40


class Settings:
    """A session's settings: what the server confirmed, and until then what the client asked for."""

    def __init__(self) -> None:
        self._session: dict[str, Any] = {}
        self.session_id: str | None = None

    def confirmed(self, session: Mapping[str, Any]) -> list[str]:
        """Take what the server says it is set to; gives the names of what changed."""
        before = dict(_leaves(self._session))
        self.session_id = text(session.get("id")) or self.session_id
        self._session = _merged(self._session, session)
        after = dict(_leaves(self._session))
        return sorted(name for name in before | after if before.get(name) != after.get(name))[:_MAX_NAMES]

    def asked(self, session: Mapping[str, Any]) -> None:
        """Take what the client asks for."""
        self._session = _merged(self._session, session)

    @property
    def model(self) -> str | None:
        """The model that answers."""
        return text(self._session.get("model"))

    @property
    def agent(self) -> dict[str, Any]:
        """Provider, model and voice, as far as they are known."""
        voice = within(self._session, "audio", "output", "voice") or self._session.get("voice")
        voice = voice if isinstance(voice, str) else within(mapping(voice), "id")
        return known(provider=PROVIDER, model=self.model, voice=text(voice))

    @property
    def transcriber(self) -> str | None:
        """The model that writes down what the caller says."""
        return text(within(self._transcription, "model"))

    @property
    def is_transcribed(self) -> bool:
        """Whether the caller's words are written down at all."""
        return bool(self._transcription)

    @property
    def silence_ms(self) -> int | None:
        """So long a silence ends the caller's turn; None where a model decides, or nobody."""
        return _whole(within(self._detection, "silence_duration_ms"))

    @property
    def padding_ms(self) -> int | None:
        """So much sound before the caller's speech is counted to it; None when unknown."""
        return _whole(within(self._detection, "prefix_padding_ms"))

    @property
    def is_manual(self) -> bool:
        """Whether the client decides when the caller's turn is over."""
        audio = within(self._session, "audio", "input")
        said = [each["turn_detection"] for each in (mapping(audio), self._session) if "turn_detection" in each]
        return bool(said) and all(each is None for each in said)

    @property
    def heard_bytes_a_second(self) -> int:
        """Of the caller's sound."""
        return self._rate("input")

    @property
    def spoken_bytes_a_second(self) -> int:
        """Of the agent's sound."""
        return self._rate("output")

    @property
    def _detection(self) -> dict[str, Any]:
        found = within(self._session, "audio", "input", "turn_detection") or self._session.get("turn_detection")
        return mapping(found)

    @property
    def _transcription(self) -> dict[str, Any]:
        found = within(self._session, "audio", "input", "transcription")
        return mapping(found or self._session.get("input_audio_transcription"))

    def _rate(self, side: str) -> int:
        form = within(self._session, "audio", side, "format", "type") or self._session.get(f"{side}_audio_format")
        return _BYTES_A_SECOND.get(str(form), _PCM_BYTES_A_SECOND)


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None or found < 0 else round(found)


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged name by name; a null that comes later counts: it switches something off."""
    found = dict(before)
    for name, value in after.items():
        inside = found.get(name)
        found[name] = _merged(inside, value) if isinstance(inside, dict) and isinstance(value, dict) else value
    return found


def _leaves(session: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in session.items():
        if not prefix and name in _NO_SETTINGS:
            continue
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value
