"""Calls as files that other programs read. One module a format, found by itself: see ``registry.py``."""
