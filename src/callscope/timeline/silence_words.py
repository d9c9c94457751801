"""What a silence is called, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from callscope.timeline.running import name_of, whole_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ANSWER: Final = "no_answer"
NO_SOUND: Final = "no_sound"
NO_TRANSCRIPT: Final = "no_transcript"
NEVER_SPOKE: Final = "never_spoke"
NO_SYNTHESIS: Final = "no_synthesis"
WATCHDOG: Final = "watchdog"
KINDS: Final = (NO_ANSWER, NO_SOUND, NO_TRANSCRIPT, NEVER_SPOKE, NO_SYNTHESIS, WATCHDOG)

_WHAT: Final = {
    NO_ANSWER: "Nothing was heard for {waited} after the caller's turn",
    NO_SOUND: "The agent was said to speak, and there was no sound for {waited}",
    NO_TRANSCRIPT: "The caller spoke, and no word was recognised for {waited}",
    NEVER_SPOKE: "The agent had not spoken after {waited}",
    NO_SYNTHESIS: "Text was given to the synthesis, and no sound came",
    WATCHDOG: "A watchdog ended the call after {waited} of silence",
}
IN_SHORT: Final = {
    NO_SOUND: "no sound while the agent spoke",
    NO_TRANSCRIPT: "no word recognised",
    NEVER_SPOKE: "the agent did not speak at first",
    NO_SYNTHESIS: "a synthesis without sound",
    WATCHDOG: "ended by a watchdog",
}
"""For lists, which tell of waits for an answer by their length."""
_MEANWHILE: Final = {"tool": "the tool was running", "llm": "the LLM was at work", "tts": "the synthesis was at work"}
_MS_PER_SECOND: Final = 1000


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not heard."""

    kind: str
    """One of `KINDS`."""
    at_ms: int
    """Unix milliseconds of the moment at which it had lasted too long."""
    since_ms: int
    """Unix milliseconds of its beginning."""
    stage: str = ""
    """What was at work meanwhile: ``tool``, ``llm``, ``tts``; empty when nothing was."""
    name: str = ""
    """The tool's name."""

    @property
    def data(self) -> dict[str, Any]:
        """Of the event that tells of it."""
        told: dict[str, Any] = {
            "kind": self.kind,
            "since_ms": self.since_ms,
            "waited_ms": self.at_ms - self.since_ms,
        }
        if self.stage:
            told["stage"] = self.stage
        if self.name:
            told["name"] = self.name
        return told | {"message": sentence(told)}


def sentence(data: Mapping[str, Any]) -> str:
    """What the event of a silence says, without a full stop; also where the policy withheld its message."""
    what = _WHAT.get(name_of(data.get("kind")), "Nothing was heard for {waited}")
    waited_ms = whole_ms(data.get("waited_ms"))
    waited = f"{waited_ms / _MS_PER_SECOND:.1f} s" if waited_ms >= _MS_PER_SECOND else f"{waited_ms} ms"
    doing = meanwhile(data)
    return what.format(waited=waited) + (f": {doing}" if doing else "")


def meanwhile(data: Mapping[str, Any]) -> str:
    """What was at work during a silence, in words; empty when nothing was."""
    stage, name = name_of(data.get("stage")), name_of(data.get("name"))
    if stage == "tool" and name:
        return f"the tool {name} was running"
    return _MEANWHILE.get(stage, "")
