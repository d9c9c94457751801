"""Answers the questions of a coding assistant about the calls of an archive, over the Model Context Protocol.

It only reads, on standard input and output, and sends nothing anywhere: what the assistant does with an answer is the
assistant's. What callers, models and tools said is marked as that in every answer.
"""

from __future__ import annotations

from callscope.errors import MissingExtraError

try:
    import mcp  # noqa: F401 -- asked for here, so that a missing one is told in one line
except ModuleNotFoundError as error:
    raise MissingExtraError("mcp", what="callscope mcp") from error
