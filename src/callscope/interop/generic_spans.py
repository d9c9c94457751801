"""Traces in OpenTelemetry's GenAI conventions or OpenInference's, whoever writes them.

A turn is an ``invoke_agent`` span that stands in no other one; where there is none, what stands at the top. It begins
when the agent was asked and ends when it has answered: when the caller spoke and what was heard is in no span, so no
speaking edges are told, and waits are as far as rows and stages tell them.
"""

from __future__ import annotations

from typing import Final

from callscope.interop import aliases, messages, stages
from callscope.interop.spans import Span
from callscope.interop.told import Told
from callscope.interop.tree import Tree
from callscope.model import event as events

WORKFLOW: Final = "invoke_workflow"
_AGENT: Final = "invoke_agent"
_KINDS: Final = {"LLM": "chat", "TOOL": "execute_tool", "AGENT": _AGENT, "CHAIN": "chain"}
_ANSWERS: Final = frozenset({"chat", "generate_content", "text_completion", "realtime_inference"})
_SPEAKS: Final = frozenset({"text_to_speech", "tts"})
_HEARS: Final = frozenset({"speech_to_text", "stt", "user_speech"})
_QUIET: Final = frozenset({"create_agent", "plan", "chain", WORKFLOW, _AGENT})


def operation_of(span: Span) -> str | None:
    """What a span says that it does; None where it is none of these conventions."""
    told = aliases.text(span.attributes, aliases.OPERATION)
    if told is not None:
        return told
    kind = span.attributes.get("openinference.span.kind")
    return _KINDS.get(kind.upper(), kind.lower()) if isinstance(kind, str) and kind else None


def is_of(span: Span) -> bool:
    """Whether a span keeps to one of the conventions."""
    return operation_of(span) is not None


def tell(told: Told, spans: list[Span]) -> None:
    """Tell of a conversation, from its spans in the order of their beginnings."""
    tree = Tree(spans)
    operations = {each.identity: operation_of(each) for each in spans}
    whole = [each for each in spans if operations[each.identity] == WORKFLOW]
    told.has_root = bool(whole)
    if whole:
        told.started_ms = min(each.start_ms for each in whole)
        told.ended_ms = max(each.end_ms for each in whole)
    turns: dict[str, Span] = {}
    work: dict[str, list[Span]] = {}
    for each in spans:
        operation = operations[each.identity]
        if operation is None:
            told.missed(f"span {each.name}")
            continue
        name = aliases.text(each.attributes, aliases.AGENT_NAME)
        if name is not None:
            told.labels.setdefault("agent", name)
        _tell_work(told, each, operation)
        turn = _turn_of(each, tree, operations)
        if turn is not None:
            turns[turn.identity] = turn
            work.setdefault(turn.identity, []).append(each)
    for identity, turn in turns.items():
        _tell_turn(told, turn, work[identity], operations)
    tops = [each for each in spans if each.parent_id is None and operations[each.identity] is not None]
    if not whole and tops and len({each.trace_id for each in spans}) == 1:
        told.started_ms, told.ended_ms = min(each.start_ms for each in tops), max(each.end_ms for each in tops)


def _turn_of(span: Span, tree: Tree, operations: dict[str, str | None]) -> Span | None:
    """The turn that a span belongs to; None for what holds the whole conversation."""
    if operations[span.identity] in {WORKFLOW, "create_agent"}:
        return None
    line = [span, *(each for each in tree.above(span) if operations[each.identity] not in {None, WORKFLOW})]
    agents = [each for each in line if operations[each.identity] == _AGENT]
    return agents[-1] if agents else line[-1]


def _tell_work(told: Told, span: Span, operation: str) -> None:
    if operation in _ANSWERS:
        realtime = operation == "realtime_inference" or span.attributes.get("gen_ai.output.type") == "speech"
        stages.llm(told, span, service="realtime" if realtime else "llm")
        stages.agent_of(told, span)
    elif operation == "execute_tool":
        stages.tool(told, span)
    elif operation in _SPEAKS:
        stages.tts(told, span, text=aliases.text(span.attributes, aliases.SPOKEN))
        stages.agent_of(told, span, voice=True)
    elif operation in _HEARS:
        text = aliases.text(span.attributes, aliases.USER_TEXT) or messages.answered(span.attributes)
        stages.stt(told, span, text)
        told.event(events.USER_TURN_STOPPED, span.end_ms)
    elif operation in _QUIET:
        told.errors(span, None)
    else:
        told.missed(f"operation {operation}")


def _tell_turn(told: Told, turn: Span, work: list[Span], operations: dict[str, str | None]) -> None:
    answers = [each for each in work if operations[each.identity] in _ANSWERS]
    heard = [each for each in work if operations[each.identity] in _HEARS]
    texts = [aliases.text(each.attributes, aliases.USER_TEXT) or messages.answered(each.attributes) for each in heard]
    asked = " ".join(text for text in texts if text) or messages.said_to(turn.attributes)
    asked = asked or next((text for each in answers if (text := messages.said_to(each.attributes))), None)
    said = messages.answered(turn.attributes)
    if said is None:
        said = " ".join(text for each in answers if (text := messages.answered(each.attributes))) or None
    if asked is not None or heard:
        told.turn("user", asked, turn.start_ms)
    if said is not None or answers:
        told.turn("assistant", said, _answered_ms(turn, work, answers, operations))


def _answered_ms(turn: Span, work: list[Span], answers: list[Span], operations: dict[str, str | None]) -> float:
    """When the answer began: its first sound, else its first word, else when all of it was there."""
    sounds = [stages.first_sound_ms(each) for each in work if operations[each.identity] in _SPEAKS]
    known = [sound for sound in sounds if sound is not None]
    if known:
        return min(known)
    first = stages.first_sound_ms(answers[-1]) if answers else None
    return first if first is not None else turn.end_ms
