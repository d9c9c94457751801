"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from callscope import config
from callscope.recorder import guard

for name in list(os.environ):
    if name.startswith(("PATTER_LOG_", "CALLSCOPE_")):
        del os.environ[name]
os.environ["XDG_CONFIG_HOME"] = os.devnull  # no prices or budgets of whoever runs the tests
os.environ[config.RETENTION] = "0"  # calls of fixed days are not swept away when those days are over
settings.register_profile("whole", deadline=None)  # no test asserts a time
settings.load_profile("whole")


@pytest.fixture(scope="session", autouse=True)
def _temporary_files_are_in_a_place_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What killed processes and other libraries leave there goes with the directories of the tests."""
    place = str(tmp_path_factory.mktemp("temporary"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", place)
        patched.setattr(tempfile, "tempdir", place)
        yield


@pytest.fixture(autouse=True)
def _nothing_of_ours_is_hidden() -> Iterator[None]:
    """Errors that a call would never see are raised in tests."""
    guard.reraise = True
    yield
    guard.reraise = False
