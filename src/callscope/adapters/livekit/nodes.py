"""An agent's ``llm_node``, ``tts_node`` and ``transcription_node``, looked at while they work.

They are LiveKit's own place for one's own code (since 1.0), so this needs nothing private. An agent's nodes are put
back when the session ends. What is watched goes on unchanged, and an error of ours never reaches it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Final, Protocol

COMPLETED: Final = "completed"
INTERRUPTED: Final = "interrupted"
FAILED: Final = "failed"


class Watch(Protocol):
    """One run of a node."""

    def item(self, item: Any) -> None:
        """The node yielded something."""

    def ended(self, outcome: str) -> None:
        """It will yield no more: ``completed``, ``interrupted`` or ``failed``."""


class Nodes:
    """The agents whose nodes are watched; as many as take part in the session.

    Args:
        caught: told of an error of ours, in an ``except`` block.
    """

    def __init__(self, caught: Callable[[str], None]) -> None:
        self._caught = caught
        self._agents: weakref.WeakSet[Any] = weakref.WeakSet()

    def watch(
        self,
        agent: Any,
        *,
        llm: Callable[[], Watch],
        tts: Callable[[], TextWatch],
        transcription: Callable[[], TextWatch | None],
    ) -> None:
        """Watch an agent's nodes, once. What gives no watch when a node starts, does not care for this run."""
        if agent is None or agent in self._agents:
            return
        self._agents.add(agent)
        if callable(getattr(agent, "llm_node", None)):
            agent.llm_node = self._watched_llm(agent.llm_node, llm)
        if callable(getattr(agent, "tts_node", None)):
            agent.tts_node = self._watched_text(agent.tts_node, tts)
        if callable(getattr(agent, "transcription_node", None)):
            agent.transcription_node = self._watched_text(agent.transcription_node, transcription)

    def release(self) -> None:
        """Put the nodes of all agents back."""
        for agent in self._agents:
            for name in ("llm_node", "tts_node", "transcription_node"):
                if getattr(vars(agent).get(name), "callscope", False):
                    delattr(agent, name)
        self._agents.clear()

    def _watched_llm(self, node: Callable[..., Any], start: Callable[[], Watch]) -> Callable[..., Any]:
        def llm_node(*args: Any, **kwargs: Any) -> Any:
            watch = self._start(start)
            return _through(node, args, kwargs, watch)

        llm_node.callscope = True  # type: ignore[attr-defined]  # how `release` knows its own
        return llm_node

    def _watched_text(self, node: Callable[..., Any], start: Callable[[], TextWatch | None]) -> Callable[..., Any]:
        def text_node(text: Any, *args: Any, **kwargs: Any) -> Any:
            watch = self._start(start)
            return _through(node, (_read(text, watch), *args), kwargs, watch)

        text_node.callscope = True  # type: ignore[attr-defined]  # how `release` knows its own
        return text_node

    def _start(self, start: Callable[[], Any]) -> _Shield:
        try:
            return _Shield(start(), self._caught)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            self._caught("livekit nodes")
            return _Shield(None, self._caught)


class TextWatch(Watch, Protocol):
    """One run of a node that reads text."""

    def text(self, text: str) -> None:
        """Words went in."""

    def text_ended(self) -> None:
        """No more words will come."""


class _Shield:
    """A watch that cannot hurt, and ends once."""

    def __init__(self, watch: Any, caught: Callable[[str], None]) -> None:
        self._watch = watch
        self._caught = caught

    def tell(self, name: str, *args: Any) -> None:
        watch = self._watch
        if watch is None:
            return
        if name == "ended":
            self._watch = None
        try:
            getattr(watch, name)(*args)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            self._caught("livekit nodes")


def _through(node: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], watch: _Shield) -> Any:
    """Call a node, which may give a coroutine, an iterable, a text or nothing, and watch what comes of it."""
    outcome = FAILED
    try:
        result = node(*args, **kwargs)
        outcome = ""
    finally:
        if outcome:
            watch.tell("ended", outcome)
    return _awaited(result, watch) if asyncio.iscoroutine(result) else _given(result, watch)


async def _awaited(result: Any, watch: _Shield) -> Any:
    outcome = FAILED
    try:
        given = await result
        outcome = ""
    except asyncio.CancelledError:
        outcome = INTERRUPTED
        raise
    finally:
        if outcome:
            watch.tell("ended", outcome)
    return _given(given, watch)


def _given(result: Any, watch: _Shield) -> Any:
    if isinstance(result, AsyncIterable):
        return _watched(result, watch)
    if isinstance(result, str):
        watch.tell("item", result)
    watch.tell("ended", COMPLETED)
    return result


async def _watched(items: AsyncIterable[Any], watch: _Shield) -> AsyncIterator[Any]:
    outcome = FAILED
    try:
        async for item in items:
            watch.tell("item", item)
            yield item
        outcome = COMPLETED
    except (asyncio.CancelledError, GeneratorExit):
        outcome = INTERRUPTED
        raise
    finally:
        watch.tell("ended", outcome)
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()


async def _read(text: AsyncIterable[str], watch: _Shield) -> AsyncIterator[str]:
    try:
        async for piece in text:
            watch.tell("text", piece)
            yield piece
        watch.tell("text_ended")
    finally:
        close = getattr(text, "aclose", None)
        if close is not None:
            await close()
