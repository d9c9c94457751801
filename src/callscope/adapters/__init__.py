"""Frameworks that are recorded: one module each, which only translates. Imported only by who uses them."""
