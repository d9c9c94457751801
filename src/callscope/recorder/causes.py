"""Why rows are lost, in the words of the ledger, and what a person can do about it."""

from __future__ import annotations

import errno
from typing import Final

from callscope.recorder.buffer import FULL

_REASONS: Final = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EFBIG: "file_too_large",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EROFS: "permission",
}
ADVICE: Final = {
    "disk_full": "make room, or lower PATTER_LOG_RETENTION_DAYS and run `callscope prune`",
    "permission": "give this process write access",
    "file_too_large": "raise the file size limit (ulimit -f)",
    "io_error": "look at the disk",
    FULL: "the disk is slower than the calls: raise CALLSCOPE_BUFFER_ROWS or use a faster disk",
}


def reason_of(error: OSError) -> str:
    """The ledger's word for an error of the disk."""
    return _REASONS.get(error.errno or 0, "io_error")
