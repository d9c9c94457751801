"""Calls that others recorded, as whole calls of ours.

One module a format, named as the format (``-`` is ``_``), found by being there (`base.formats`). Each has ``HELP``, one
line, and ``translate(original) -> list[WholeCall]``, which is pure; what else it may have is in `base.formats.Format`.
"""
