"""One command a file; each has its `click` command as ``command``."""
