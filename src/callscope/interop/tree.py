"""Spans of one call as a tree."""

from __future__ import annotations

from collections.abc import Iterator

from callscope.interop.spans import ERROR, Span


class Tree:
    """Who is whose parent; a span whose parent has not come, or that leads in a circle, hangs from nothing.

    Args:
        spans: in the order of their beginnings.
    """

    def __init__(self, spans: list[Span]) -> None:
        self._by_id = {each.identity: each for each in spans}
        self._below: dict[str, list[Span]] = {}
        for each in spans:
            parent = self.parent(each)
            if parent is not None:
                self._below.setdefault(parent.identity, []).append(each)

    def parent(self, span: Span) -> Span | None:
        """The span that a span is a part of."""
        if span.parent_id is None or span.parent_id == span.span_id:
            return None
        return self._by_id.get(f"{span.trace_id}:{span.parent_id}")

    def above(self, span: Span) -> Iterator[Span]:
        """Its parent, the parent of that, and so on."""
        seen = {span.identity}
        parent = self.parent(span)
        while parent is not None and parent.identity not in seen:
            seen.add(parent.identity)
            yield parent
            parent = self.parent(parent)

    def below(self, span: Span, *names: str) -> list[Span]:
        """Its parts, and the parts of those, in the order of their beginnings; of these names, where there are any."""
        found: dict[str, Span] = {}
        waiting = list(self._below.get(span.identity, ()))
        while waiting:
            each = waiting.pop()
            if each.identity not in found and each.identity != span.identity:
                found[each.identity] = each
                waiting.extend(self._below.get(each.identity, ()))
        kept = (each for each in found.values() if not names or each.name in names)
        return sorted(kept, key=lambda each: (each.start_ns, each.end_ns, each.span_id))

    def has_failed_below(self, span: Span) -> bool:
        """Whether one of its parts failed: then that one tells of it."""
        return any(each.status == ERROR for each in self.below(span))
