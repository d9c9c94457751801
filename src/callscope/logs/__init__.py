"""Application logs: every line of a process, readable on the console and kept in files, with the call it belongs to.

::

    import callscope

    callscope.logs.configure()

See docs/logs.md.
"""

from __future__ import annotations

from callscope.logs.configured import LogHealth, Logs, configure, current_logs, ensure_loguru

__all__ = ["LogHealth", "Logs", "configure", "current_logs", "ensure_loguru"]
