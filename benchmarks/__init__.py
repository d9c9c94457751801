"""Speed, measured beside the peer in one run. ``make bench`` writes ``benchmarks/results.json`` and ``docs/performance.md``."""
