"""Speed, beside the peer in one run. ``make bench`` writes ``results.json`` and ``docs/performance.md``."""
