"""A whole call, summed up for readers: exchanges matched to turns, figures, problems in plain words."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec

from callscope.model import event as events
from callscope.model import exchange as stages
from callscope.model.call import TEXT_MODE
from callscope.model.event import SILENCE
from callscope.timeline.fold import Fold
from callscope.timeline.outcome import Facts, describe_error
from callscope.timeline.percentiles import latency_summary
from callscope.timeline.running import name_of, owner_of, whole_ms
from callscope.timeline.silence import is_watched, with_silences
from callscope.timeline.silence_words import NEVER_SPOKE, NO_ANSWER, NO_TRANSCRIPT, meanwhile, sentence
from callscope.timeline.waterfall import endpointing_owner, with_endpointing_owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from callscope.model.call import Call
    from callscope.model.event import Event
    from callscope.model.exchange import Exchange, Part
    from callscope.model.turn import Turn

SLOW_MS: Final = 3000
"""A wait longer than this is a problem."""
_MATCH_SLACK_MS: Final = 250
"""A turn's own moment may lie this much before that of its exchange."""
_MS_PER_SECOND: Final = 1000

ProblemKind = Literal["slow", "unanswered", "barge_in", "error", "silence", "unreported"]

_STAGE_WORDS: Final = {
    stages.ENDPOINTING: "the endpointing wait",
    stages.TRANSCRIPTION: "transcription",
    stages.TURN_DETECTION: "turn detection",
    stages.HANDOVER: "the handover to the model",
    stages.LLM: "the LLM",
    stages.TOOL: "the tool",
    stages.AGGREGATION: "building the first sentence",
    stages.SYNTHESIS: "speech synthesis",
    stages.OUTPUT: "the way out to the caller",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a call that somebody should look at."""

    at_ms: int
    """Unix milliseconds."""
    kind: ProblemKind
    text: str
    """A plain sentence."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What a call's events and turns mean."""

    exchanges: tuple[Exchange, ...]
    """In order; each with the turns it is made of, where they could be told."""
    latency: dict[str, float] | None
    """p50_ms, p95_ms and p99_ms of what the caller waited, greetings left out; None when nothing is known."""
    interruptions: int
    """Answers that the caller cut off, the greeting among them."""
    unanswered: int
    worst_wait_ms: int | None
    """Of the exchange in which the caller waited longest, answered or not: see `worst_of`."""
    problems: tuple[Problem, ...]
    """By moment."""
    silences: tuple[Event, ...]
    """What was not heard, as events of that type: those of the call, or, where nobody has watched it, found now."""
    facts: Facts
    """For `outcome.decide`."""


class Folded(NamedTuple):
    """What a call's events and turns mean, without the words for people."""

    exchanges: tuple[Exchange, ...]
    latency: dict[str, float] | None
    interruptions: int
    unanswered: int
    worst_wait_ms: int | None
    silences: tuple[Event, ...]
    facts: Facts


class Summary:
    """Figures over exchanges, added up one by one; holds one number an exchange."""

    __slots__ = ("exchanges", "interruptions", "response_ms", "unanswered", "worst_wait_ms")

    def __init__(self) -> None:
        self.exchanges = 0
        self.interruptions = 0
        self.unanswered = 0
        self.response_ms: list[int] = []
        self.worst_wait_ms: int | None = None
        """The longest that the caller waited, answered or not."""

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Take in exchanges that closed."""
        for exchange in exchanges:
            self.interruptions += exchange.interrupted
            if exchange.kind == "greeting":
                continue
            self.exchanges += 1
            self.unanswered += exchange.answered_at_ms is None
            if exchange.response_ms is not None:
                self.response_ms.append(exchange.response_ms)
            waited_ms = exchange.waited_ms
            if waited_ms is not None and (self.worst_wait_ms is None or waited_ms > self.worst_wait_ms):
                self.worst_wait_ms = waited_ms

    @property
    def latency(self) -> dict[str, float] | None:
        """p50_ms, p95_ms and p99_ms so far."""
        return latency_summary(self.response_ms)


def worst_of(exchanges: Iterable[Exchange]) -> Exchange | None:
    """The exchange in which the caller waited longest, answered or not; None when no wait is known.

    Greetings are left out. Of equal waits the one that was not answered is the worse.
    """
    known = [(each, waited) for each in exchanges if each.kind == "exchange" and (waited := each.waited_ms) is not None]
    worst, _ = max(known, key=lambda pair: (pair[1], pair[0].response_ms is None), default=(None, 0))
    return worst


def settled(exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
    """Those of a call that goes on, without the one that is being answered."""
    return exchanges[:-1] if exchanges and exchanges[-1].answered_at_ms is None else exchanges


def summarise(
    call_started_at_ms: int | None,
    call_ended_at_ms: int | None,
    turns: Sequence[Turn],
    events: Sequence[Event],
    *,
    call: Call | None = None,
) -> Timeline:
    """Sum up a call from its two files, rows in their order; times in Unix milliseconds, None if unknown.

    ``call`` tells whether its writer has watched for silences, and whether a framework reports what is heard.
    """
    folded = fold_whole(call_started_at_ms, call_ended_at_ms, turns, events, call=call)
    start_ms = call_started_at_ms if call_started_at_ms is not None else _first_moment(turns, events)
    problems = [
        *_problems(folded.exchanges, events, start_ms, folded.silences),
        *silence_problems(folded.exchanges, folded.silences),
    ]
    return Timeline(**folded._asdict(), problems=tuple(sorted(problems, key=lambda problem: problem.at_ms)))


def fold_whole(
    call_started_at_ms: int | None,
    call_ended_at_ms: int | None,
    turns: Sequence[Turn],
    events: Sequence[Event],
    *,
    call: Call | None = None,
) -> Folded:
    """The same without `Timeline.problems`, which take their time."""
    if call is None or not is_watched(call):
        events = with_silences(
            events,
            started_at_ms=call_started_at_ms,
            ended_at_ms=call_ended_at_ms,
            reports_sound=call is not None
            and call.callscope.get("framework") is not None
            and call.provider_mode != TEXT_MODE,
            turns=turns,
        )
    fold = Fold(started_at_ms=call_started_at_ms)
    fold.feed(events)
    for turn in turns:
        fold.turn(turn)
    exchanges = fold.finish(call_ended_at_ms)
    if call is not None:
        framework = name_of(_framework(call).get("name"))
        owner = endpointing_owner(framework=framework, provider_mode=call.provider_mode or "")
        exchanges = [with_endpointing_owner(each, owner) for each in exchanges]
    if fold.facts.has_speaking_edges:
        exchanges = _match(exchanges, turns)
    summary = Summary()
    summary.add(exchanges)
    return Folded(
        exchanges=tuple(exchanges),
        latency=summary.latency,
        interruptions=summary.interruptions,
        unanswered=summary.unanswered,
        worst_wait_ms=summary.worst_wait_ms,
        silences=tuple(row for row in events if row.type == SILENCE) if fold.facts.silences else (),
        facts=fold.facts,
    )


def _framework(call: Call) -> Mapping[str, Any]:
    told = call.callscope.get("framework")
    return told if isinstance(told, dict) else {}


def _match(exchanges: list[Exchange], turns: Sequence[Turn]) -> list[Exchange]:
    """Exchanges with the indices of their turns.

    A caller's turn belongs to the last exchange that had begun by its moment, an agent's to the last one that
    had been answered: its row may be written as late as during the next question.
    """
    said = [each for each in exchanges if each.kind == "exchange"]
    answered = [each for each in exchanges if each.answered_at_ms is not None]
    begun_ms = [each.started_at_ms for each in said]
    answered_ms = [each.answered_at_ms or 0 for each in answered]
    callers: dict[int, int] = {}
    agents: dict[int, int] = {}
    for turn in turns:
        ts_ms, turn_index = turn.ts_ms, turn.turn_index
        if ts_ms is None or turn_index is None:
            continue
        if turn.role == "user":
            place = bisect_right(begun_ms, ts_ms + _MATCH_SLACK_MS)
            if place:
                callers[said[place - 1].index] = turn_index
        elif turn.role == "assistant":
            place = bisect_right(answered_ms, ts_ms + _MATCH_SLACK_MS)
            if place:
                agents.setdefault(answered[place - 1].index, turn_index)
    return [
        msgspec.structs.replace(each, user_turn_index=callers.get(each.index), agent_turn_index=agents.get(each.index))
        if each.index in callers or each.index in agents
        else each
        for each in exchanges
    ]


def _first_moment(turns: Sequence[Turn], rows: Sequence[Event]) -> int:
    moments = [*(turn.ts_ms for turn in turns), *(row.ts_ms for row in rows)]
    return min((moment for moment in moments if moment is not None), default=0)


def recoveries(rows: Iterable[Event]) -> dict[str, str]:
    """Which errors were got over, by id, and after how long: ``recovered after 1.24 s``."""
    found: dict[str, str] = {}
    for row in rows:
        if row.type == events.ERROR_RECOVERED:
            after_ms = whole_ms(row.data.get("after_ms"))
            words = f"recovered after {_seconds(after_ms)}" if after_ms else "recovered"
            error_id = name_of(row.data.get("error_id"))
            if error_id:
                found.setdefault(error_id, words)
    return found


def silence_problems(exchanges: Sequence[Exchange], silences: Sequence[Event]) -> list[Problem]:
    """Silences that no exchange's wait is: those are told with their whole length."""
    return [
        Problem(at_ms=row.ts_ms or 0, kind="silence", text=f"{sentence(row.data)}.")
        for row in silences
        if not any(_is_silence_of(each, row) for each in exchanges)
    ]


def _is_silence_of(exchange: Exchange, row: Event) -> bool:
    start_ms, waited_ms, at_ms = exchange.wait_from_ms, exchange.waited_ms, row.ts_ms
    if start_ms is None or waited_ms is None or at_ms is None or waited_ms <= SLOW_MS:
        return False
    is_wait = name_of(row.data.get("kind")) in {NO_ANSWER, NEVER_SPOKE, NO_TRANSCRIPT}
    return is_wait and start_ms <= at_ms <= start_ms + waited_ms + _MATCH_SLACK_MS


def _problems(
    exchanges: Sequence[Exchange], rows: Sequence[Event], start_ms: int, silences: Sequence[Event]
) -> list[Problem]:
    recovered = recoveries(rows)
    problems = [problem for each in exchanges if (problem := _wait_problem(each, silences, last=each is exchanges[-1]))]
    unreported = 0
    unreported_at_ms = start_ms
    moment_ms = start_ms
    for row in rows:
        moment_ms = row.ts_ms if row.ts_ms is not None else moment_ms
        if row.type == events.BARGE_IN:
            problems.append(Problem(at_ms=moment_ms, kind="barge_in", text=_barge_in_words(row.data)))
        elif row.type == events.ERROR and row.data.get("duplicate_of") is None:
            problems.append(Problem(at_ms=moment_ms, kind="error", text=_error_words(row.data, recovered)))
        elif row.type == events.USAGE and (requests := _count(row.data.get("unreported_requests"))):
            unreported_at_ms = unreported_at_ms if unreported else moment_ms
            unreported += requests
    if unreported:
        who, what = ("1 LLM request", "it") if unreported == 1 else (f"{unreported} LLM requests", "they")
        text = f"{who} ended without a usage report: what {what} cost can only be estimated."
        problems.append(Problem(at_ms=unreported_at_ms, kind="unreported", text=text))
    return problems


def _wait_problem(exchange: Exchange, silences: Sequence[Event], *, last: bool) -> Problem | None:
    silence_ms, response_ms = exchange.silence_ms, exchange.response_ms
    at_ms = exchange.wait_from_ms if exchange.wait_from_ms is not None else exchange.started_at_ms
    if silence_ms is not None and silence_ms > SLOW_MS:
        until = "until the call ended" if last else "until the caller spoke again"
        why = next((_why(row.data) for row in silences if _is_silence_of(exchange, row)), "")
        text = f"The caller was not answered: nothing was heard for {_seconds(silence_ms)}, {until}{why}."
        return Problem(at_ms=at_ms, kind="unanswered", text=text)
    if response_ms is None or response_ms <= SLOW_MS:
        return None
    what = "for the greeting " if exchange.kind == "greeting" else ""
    return Problem(
        at_ms=at_ms,
        kind="slow",
        text=f"The caller waited {what}{_seconds(response_ms)}{_largest_words(exchange.parts)}.",
    )


def _why(data: Mapping[str, Any]) -> str:
    """What went on during a silence."""
    if name_of(data.get("kind")) == NO_TRANSCRIPT:
        return "; no word was recognised"
    doing = meanwhile(data)
    return f"; {doing}" if doing else ""


def _largest_words(parts: Sequence[Part]) -> str:
    """Which stage of whom took most of a wait, all of its parts together."""
    sums: dict[tuple[str, str], int] = {}
    for part in parts:
        key = (part.stage, part.owner)
        sums[key] = sums.get(key, 0) + part.duration_ms
    if not sums:
        return ""
    stage, owner = max(sums, key=lambda key: sums[key])
    took = _seconds(sums[stage, owner])
    if stage == stages.UNEXPLAINED:
        return f"; {took} of it is unexplained" if len(sums) > 1 else "; where it went is not known"
    words = _STAGE_WORDS[stage]
    if stage == stages.TOOL:
        return f"; {took} of it was {words} {owner}".rstrip()
    named = f" ({owner})" if owner and owner != "pipeline" else ""
    return f"; {took} of it was {words}{named}"


def _barge_in_words(data: dict[str, Any]) -> str:
    heard, generated = data.get("heard_characters"), data.get("generated_characters")
    if type(heard) is int and type(generated) is int and 0 <= heard <= generated:
        lost = generated - heard
        if not lost:
            return "The caller spoke over the agent: all that was generated had been heard."
        were = "was" if lost == 1 else "were"
        return f"The caller spoke over the agent: {lost} of {generated} characters {were} generated and not heard."
    return "The caller spoke over the agent."


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def _error_words(data: dict[str, Any], recovered: Mapping[str, str]) -> str:
    stage = name_of(data.get("stage"))
    where = " ".join(word for word in (stage.upper() if stage in ("llm", "stt", "tts") else stage,) if word)
    owner = owner_of(data)
    source = f"{where} ({owner})" if where and owner else where or owner
    after = recovered.get(name_of(data.get("error_id")))
    if after is None:
        after = "recovered" if data.get("recovered") is True else "fatal" if data.get("fatal") is True else None
    what = describe_error(data)
    return f"{source or 'Error'}: {what.rstrip('.')}; {after}" if after else f"{source or 'Error'}: {what}"


def _seconds(ms: int) -> str:
    return f"{ms / _MS_PER_SECOND:.2f} s" if ms >= _MS_PER_SECOND else f"{ms} ms"
