"""Questions about calls: one value that the terminal, the pages and JSON share. Pure: no files, no clock, no SQL."""
