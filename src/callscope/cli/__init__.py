"""The terminal: ``callscope`` and its commands, one file each in ``commands/``."""
