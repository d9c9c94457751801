"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from callscope.recorder import guard

for name in list(os.environ):
    if name.startswith(("PATTER_LOG_", "CALLSCOPE_")):
        del os.environ[name]
os.environ["XDG_CONFIG_HOME"] = os.devnull  # no prices or budgets of whoever runs the tests


@pytest.fixture(autouse=True)
def _nothing_of_ours_is_hidden() -> Iterator[None]:
    """Errors that a call would never see are raised in tests."""
    guard.reraise = True
    yield
    guard.reraise = False
