"""A caller's turn and the agent's turn that answers it: latency belongs here."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

OwnerKind = Literal["service", "setting", "code", "pipeline", "unknown"]
"""Whose time it is: a provider's, a setting's, the user's own code, the framework's, or nobody knows."""

ENDPOINTING: Final = "endpointing"
TRANSCRIPTION: Final = "transcription"
TURN_DETECTION: Final = "turn_detection"
HANDOVER: Final = "handover"
LLM: Final = "llm"
TOOL: Final = "tool"
AGGREGATION: Final = "aggregation"
SYNTHESIS: Final = "synthesis"
OUTPUT: Final = "output"
UNEXPLAINED: Final = "unexplained"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of what the caller waited. The parts of an exchange follow each other without gap or overlap."""

    stage: str
    """One of the stage names of this module."""
    label: str
    """For people: "Endpointing wait", "LLM, first call", "Tool lookup_order"."""
    owner: str
    """Who could make it shorter: "openai gpt-4.1", "VAD stop_secs", "lookup_order"; "" when unknown."""
    owner_kind: OwnerKind
    start_ms: int
    """Milliseconds after the caller stopped speaking."""
    duration_ms: int


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller said, what came back, and what happened in between."""

    index: int
    """0-based place in the call; the greeting, where there is one, is 0."""
    kind: Literal["greeting", "exchange"]
    """A greeting is the agent speaking before the caller did; its wait counts from the connection."""
    started_at_ms: int
    """Unix milliseconds: the caller's first sound; for a greeting, the connection."""
    wait_from_ms: int | None
    """Unix milliseconds from which the caller waited; None when the caller's end of speech is unknown."""
    wait_from: Literal["speech", "turn", "transcript", "connection", "row"] | None
    """What ``wait_from_ms`` was taken from: the end of speech itself, or, less exactly, the end of the turn, the
    arrival of the transcript; the connection for a greeting; "row" when a turn row told the latency."""
    answered_at_ms: int | None
    """Unix milliseconds of the agent's first sound; None for an exchange without an answer."""
    response_ms: int | None
    """What the caller waited; None when unanswered or unknown. Greetings are not part of a call's percentiles."""
    parts: tuple[Part, ...] = ()
    """Adds up to ``response_ms`` exactly."""
    interrupted: bool = False
    """The caller cut the answer off."""
    tools: tuple[str, ...] = ()
    """Names of the tools called, in order."""
    user_turn_index: int | None = None
    """`Turn.turn_index` of the caller's (last) turn in this exchange."""
    agent_turn_index: int | None = None
    """`Turn.turn_index` of the agent's (first) turn in this exchange."""
    silence_ms: int | None = None
    """For an unanswered exchange: how long nothing was heard, until the caller spoke again or the call ended."""

    @property
    def waited_ms(self) -> int | None:
        """How long the caller waited, answered or not; None when that is unknown.

        A silence of 0 is one whose end nobody told: nothing came after the caller's words, not even the call's end.
        """
        return self.response_ms if self.response_ms is not None else self.silence_ms or None
