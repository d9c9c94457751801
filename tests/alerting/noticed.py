"""Notices and targets of tests."""

from __future__ import annotations

from typing import Any

from callscope.alerts.incidents import Notice
from callscope.alerts.rule import Target, TargetKind

AT_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z


def notice(number: int = 1, **changes: Any) -> Notice:
    """One that fired; ``number`` tells incidents apart."""
    fields: dict[str, Any] = {
        "id": f"notice-{number}",
        "incident": f"incident-{number}",
        "rule": "slow answers",
        "kind": "latency",
        "key": "",
        "state": "fired",
        "severity": "critical",
        "at_ms": AT_MS,
        "since_ms": AT_MS - 60_000,
        "value": 3200.0,
        "unit": "ms",
        "threshold": 2000.0,
        "words": "p95 of the wait is 3.2 s, at least 2 s",
        "where": "since:2026-11-21T09:00 until:2026-11-21T10:00",
        "link": "/calls?q=worst%3E2s",
    }
    return Notice(**{**fields, **changes})


def target(kind: TargetKind, name: str = "here", **settings: Any) -> Target:
    """A target with these settings."""
    return Target(name=name, kind=kind, settings=settings, place="rules.toml line 7")
