"""Functions that the model calls: those of the client, and those of MCP servers, which the provider calls itself."""

from __future__ import annotations

from typing import Any

from callscope.interop.realtime.story import Story
from callscope.interop.realtime.values import bound, known, mapping, text
from callscope.model import event as kinds


class Tools:
    """Calls and results, each told once."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._names: dict[str, str] = {}
        self._results: dict[str, bool] = {}
        self._began_ms: dict[str, float] = {}

    def called(self, at_ms: float, item: dict[str, Any]) -> None:
        """The model has written a call of a function."""
        call_id, name = text(item.get("call_id")) or "", text(item.get("name")) or ""
        if call_id in self._names:
            return
        self._names[call_id] = name
        bound(self._names)
        told = known(tool_call_id=call_id, name=name, arguments=item.get("arguments"))
        self._story.event(kinds.TOOL_CALL, told, at_ms=at_ms)

    def returned(self, at_ms: float, item: dict[str, Any]) -> None:
        """The client gives the function's result, or the server says that it has it."""
        call_id = text(item.get("call_id")) or ""
        if call_id in self._results:
            return
        self._results[call_id] = True
        bound(self._results)
        told = known(tool_call_id=call_id, name=self._names.get(call_id), result=item.get("output"))
        self._story.event(kinds.TOOL_RESULT, told, at_ms=at_ms)

    def begins(self, at_ms: float, item_id: str) -> None:
        """The provider begins to call a function of an MCP server."""
        self._began_ms[item_id] = at_ms
        bound(self._began_ms)

    def ran(self, at_ms: float, item: dict[str, Any]) -> None:
        """The provider has called a function of an MCP server."""
        item_id, name = text(item.get("id")) or "", text(item.get("name"))
        began_ms = self._began_ms.pop(item_id, at_ms)
        told = known(tool_call_id=item_id, name=name, arguments=item.get("arguments"), server=item.get("server_label"))
        self._story.event(kinds.TOOL_CALL, told, at_ms=began_ms)
        error = mapping(item.get("error"))
        told = known(
            tool_call_id=item_id,
            name=name,
            result=item.get("output"),
            outcome="failed" if error else "completed",
            message=text(error.get("message")),
            duration_ms=round(at_ms - began_ms),
        )
        self._story.event(kinds.TOOL_RESULT, told, at_ms=at_ms)
