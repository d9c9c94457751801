"""The errors that callscope raises, and nothing else raises.

::

    CallscopeError (Exception)             exit code 1
    ├── SettingError (also ValueError)     exit code 2: a setting is wrong; says which and what to write
    ├── NotFoundError (also LookupError)   exit code 3: no such call, no such root
    │   └── NoIndexError                   exit code 3: the archive was not read into an index yet
    ├── UnreadableError (also ValueError)  exit code 4: a file cannot be read as what it should be
    └── MissingExtraError (also ImportError)  exit code 5: an optional part is not installed

Each message says what happened, where, and what to do. Recorder methods raise none of them after
construction: see ``recorder/guard.py``.
"""

from __future__ import annotations


class CallscopeError(Exception):
    """Base class; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class SettingError(CallscopeError, ValueError):
    """A setting has a value that is not allowed."""

    exit_code = 2


class NotFoundError(CallscopeError, LookupError):
    """There is no such call or no such archive."""

    exit_code = 3


class NoIndexError(NotFoundError):
    """There is no index of the archive yet, or only one that has to be built anew."""


class UnreadableError(CallscopeError, ValueError):
    """A file is there but is not what it should be."""

    exit_code = 4


class MissingExtraError(CallscopeError, ImportError):
    """An optional part of callscope is not installed.

    Args:
        extra: the name of the extra, as in ``pip install 'callscope[extra]'``.
        what: what needs it, to begin the sentence with.
    """

    exit_code = 5

    def __init__(self, extra: str, *, what: str) -> None:
        super().__init__(f"{what} needs more packages: pip install 'callscope[{extra}]'")
        self.extra = extra
