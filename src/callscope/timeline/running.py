"""What is known of an exchange while it goes on.

Its size is bounded: of each kind of mark the newest are kept, because what lies before the caller's last
end of speech is no part of the wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MARKS: Final = 256
MAX_EDGES: Final = 8
_LONGEST_MS: Final = 10**15
_MAX_TOOLS: Final = 64
_MAX_NAME: Final = 120  # characters: a name, not a document

_T = TypeVar("_T")


class End(msgspec.Struct, frozen=True, gc=False):
    """An end of the caller's speech, and how much later it was decided."""

    ts_ms: int
    delay_ms: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """The end of a caller's turn or the arrival of a transcript, and who said so."""

    ts_ms: int
    owner: str


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A moment in the work on an answer."""

    ts_ms: int
    type: str
    key: str
    """The id that ties the beginning of a piece of work to its end."""
    owner: str
    name: str
    """A tool's name; the outcome of an LLM request."""
    lag_ms: int
    """Silence at the beginning of the first sound."""


class Running:
    """An exchange that is not closed yet. The fold fills it in, latency and waterfall read it."""

    __slots__ = (
        "answered_at_ms",
        "cut_at_ms",
        "detector",
        "ends",
        "interrupted",
        "kind",
        "marks",
        "over_agent",
        "speaking",
        "stand_in_ms",
        "start_known",
        "started_at_ms",
        "told",
        "tools",
        "transcripts",
        "turn_open",
        "turn_stops",
        "until_ms",
        "wait_known",
    )

    def __init__(self, kind: Literal["greeting", "exchange"], started_at_ms: int) -> None:
        self.kind = kind
        self.started_at_ms = started_at_ms
        self.start_known = False
        self.wait_known = False  # a greeting whose call's beginning is known
        self.speaking = False  # the caller's sound began and its end was not reported yet
        self.turn_open = False  # the framework opened a caller turn and did not close it yet
        self.over_agent = False  # it began while the agent spoke
        self.ends: list[End] = []  # these four grow by `keep` alone; a deque takes ten times as long to make
        self.turn_stops: list[Said] = []
        self.transcripts: list[Said] = []
        self.detector = ""
        self.marks: list[Mark] = []
        self.tools: list[str] = []
        self.stand_in_ms: int | None = None  # first synthesized sound, while no agent_started_speaking is known
        self.answered_at_ms: int | None = None
        self.cut_at_ms: int | None = None  # the agent stopped as if cut off, and no caller's sound is known yet
        self.until_ms: int | None = None  # without an answer: the caller spoke again, or the call ended
        self.interrupted = False
        self.told = False  # its latency was given to an assistant row

    def caller_started(self, ts_ms: int) -> None:
        """The caller makes a sound that belongs here."""
        self.speaking = True
        if not self.start_known and not self.ends:
            self.started_at_ms = ts_ms
            self.start_known = True

    def caller_stopped(self, ts_ms: int, delay_ms: int) -> None:
        """The caller's sound ended at ``ts_ms``, which was decided ``delay_ms`` later."""
        self.speaking = False
        keep(self.ends, End(ts_ms, delay_ms))

    def called_tool(self, name: str) -> None:
        """A tool was called, before or during the answer."""
        if len(self.tools) < _MAX_TOOLS:
            self.tools.append(name)

    @property
    def quiet_since_ms(self) -> int | None:
        """Since when it is the agent's move; None while the caller speaks or nothing is known."""
        if self.speaking or self.turn_open:
            return None
        ends, stops = self.ends, self.turn_stops
        if ends:
            since_ms = ends[-1].ts_ms
            return max(since_ms, stops[-1].ts_ms) if stops else since_ms
        last = stops or self.transcripts
        return last[-1].ts_ms if last else None

    @property
    def answerable(self) -> bool:
        """Whether an agent that begins to speak now can be answering this.

        Not while the caller talks over an agent that only goes on with what it was saying.
        """
        return (
            self.kind == "greeting"
            or not self.over_agent
            or bool(self.ends or self.turn_stops or self.transcripts or self.marks)
        )


def keep(kept: list[_T], item: _T, most: int = MAX_EDGES) -> None:
    """Add an item, and drop the oldest one when there are more than are kept."""
    kept.append(item)
    if len(kept) > most:
        del kept[0]


def make_mark(ts_ms: int, kind: str, data: Mapping[str, Any]) -> Mark:
    """The mark of one event of an LLM, a tool or a synthesizer."""
    key = data.get("request_id")
    if key is None:
        key = data.get("tool_call_id")
    name = data.get("name") or data.get("outcome")
    lag_ms = data.get("leading_silence_ms")
    return Mark(
        ts_ms,
        kind,
        key[:_MAX_NAME] if isinstance(key, str) else "" if key is None else str(key)[:_MAX_NAME],
        owner_of(data),
        name[:_MAX_NAME] if isinstance(name, str) else "",
        0 if lag_ms is None else whole_ms(lag_ms),
    )


def owner_of(data: Mapping[str, Any]) -> str:
    """Whose work it is, for people: "openai gpt-4.1", else the processor's name, else ""."""
    provider, model = data.get("provider"), data.get("model")
    if provider is None and model is None:
        return name_of(data.get("processor"))
    provider, model = name_of(provider), name_of(model)
    if provider and model:
        return f"{provider} {model}"
    return provider or model or name_of(data.get("processor"))


def name_of(value: object) -> str:
    """A name as text of bounded length; "" for anything else."""
    return value[:_MAX_NAME] if isinstance(value, str) else ""


def whole_ms(value: object) -> int:
    """A duration as whole milliseconds; 0 when it is no duration."""
    if (
        value is None
        or not isinstance(value, int | float)
        or isinstance(value, bool)
        or not 0 <= value <= _LONGEST_MS  # which NaN is not
    ):
        return 0
    return round(value)
