"""Parts for tests of programs that record calls: a disk that fails on purpose, and a look at what was written."""

from __future__ import annotations

from callscope.testing.disk import Disk
from callscope.testing.files import call_dirs, metadata, rows

__all__ = ["Disk", "call_dirs", "metadata", "rows"]
