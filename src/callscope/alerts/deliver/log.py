"""A line of the program's own log, by the logger ``callscope.alerts``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from callscope.alerts.deliver.document import document, title
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.incidents import Notice
from callscope.alerts.rule import Severity
from callscope.report.safe_text import clean

LOGGER: Final = logging.getLogger("callscope.alerts")
_LEVELS: Final[Mapping[Severity, int]] = MappingProxyType(
    {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
)


def send(notice: Notice, target: Filled, *, root: Path) -> None:  # noqa: ARG001 -- as the other ways
    """Write it; the whole notice is the record's ``alert``. Never fails: what handlers do is theirs."""
    level = logging.INFO if notice.state == "resolved" else _LEVELS[notice.severity]
    LOGGER.log(level, "%s: %s", title(notice), clean(notice.words), extra={"alert": document(notice)})
