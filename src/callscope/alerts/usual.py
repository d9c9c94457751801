"""What is usual: the same measure over a longer time before a window, and how much it varies from window to window.

Rates vary more than chance alone would have it: by the time of day, the weekday, who calls. So the baseline is cut into
windows of the length of the rule's, and how far these lie from their common share, in units of what chance does, is the
spread. What is usual and the spread are medians, not means: bad weeks among them must not make the next one look usual.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from callscope.alerts.evaluate import Norm
from callscope.alerts.rule import HOUR_MS, Rule, Usual
from callscope.alerts.series import Series

_FEWEST_WINDOWS: Final = 4
"""Windows with enough in them: of fewer, nobody knows what is usual."""
_LEAST: Final = 5
"""Things in a window, for its share to say something about the spread."""
_MEDIAN_OF_CHI_SQUARE: Final = 0.4549
"""With one degree of freedom: the median of the squares that chance alone makes."""


def usual_of_shares(rule: Rule, series: Series, since_ms: int) -> Norm | None:
    """The usual share before a window of the rule; None where too little is known.

    The columns of the series are ``calls``, the part, and the whole unless that is ``calls``.
    """
    if rule.usual is None:
        return None
    pieces = []
    for begin_ms, end_ms in _windows(rule, rule.usual, since_ms):
        calls, hits, *whole = series.sums(begin_ms, end_ms)
        pieces.append((hits, whole[0] if whole else calls))
    return _norm(pieces)


def usual_of_waits(rule: Rule, series: Series, since_ms: int) -> Norm | None:
    """The usual percentile of a wait before a window of the rule; None where too little is known."""
    if rule.usual is None:
        return None
    windows = list(_windows(rule, rule.usual, since_ms))
    if not windows:
        return None
    all_waits = series.waits(windows[-1][0], windows[0][1])
    found = all_waits.quantile(rule.percentile / 100)
    if found is None:
        return None
    each = [series.waits(begin_ms, end_ms) for begin_ms, end_ms in windows]
    norm = _norm([(waits.above(found), waits.n) for waits in each])
    if norm is None:
        return None
    return Norm(value=found, n=norm.n, share=norm.share, spread=norm.spread, windows=norm.windows)


def _windows(rule: Rule, usual: Usual, since_ms: int) -> Iterable[tuple[int, int]]:
    """Windows of whole hours before a moment, the latest first."""
    length_ms = max(HOUR_MS, -(-rule.window_ms // HOUR_MS) * HOUR_MS)
    end_ms = since_ms - since_ms % HOUR_MS
    for end in range(end_ms, end_ms - usual.baseline_ms + length_ms - 1, -length_ms):
        yield end - length_ms, end


def _norm(pieces: Iterable[tuple[int, int]]) -> Norm | None:
    enough = [(hits, n) for hits, n in pieces if n >= _LEAST]
    if len(enough) < _FEWEST_WINDOWS:
        return None
    hits, n = (sum(column) for column in zip(*enough, strict=True))
    value = _middle(enough, hits / n)
    share = (value * n + 0.5) / (n + 1)  # never 0 or 1: what never was is not impossible
    squares = [(part - whole * share) ** 2 / (whole * share * (1 - share)) for part, whole in enough]
    spread = max(1.0, statistics.median(squares) / _MEDIAN_OF_CHI_SQUARE)
    return Norm(value=value, n=n, share=share, spread=spread, windows=len(enough))


def _middle(pieces: Sequence[tuple[int, int]], share: float) -> float:
    """The median share of the windows, by their size; of rare things, which most windows have none of, the mean."""
    typical = statistics.median(n for _, n in pieces)
    if typical * min(share, 1 - share) < _LEAST:
        return share
    half, so_far = sum(n for _, n in pieces) / 2, 0
    for hits, n in sorted(pieces, key=lambda piece: piece[0] / piece[1]):
        so_far += n
        if so_far >= half:
            return hits / n
    return share
