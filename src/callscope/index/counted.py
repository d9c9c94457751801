"""Many waits of few different lengths, in order, without a list of them all."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import overload


class Counted(Sequence[int]):
    """Values in ascending order, each as often as it occurred: `callscope.timeline.percentiles` takes them."""

    def __init__(self, times: Counter[int]) -> None:
        self._values = sorted(times)
        self._running = list(accumulate(map(times.__getitem__, self._values)))

    def __len__(self) -> int:
        return self._running[-1] if self._running else 0

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"there is no value {index} of {len(self)}")
        return self._values[bisect_right(self._running, place)]
