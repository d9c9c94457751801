"""Events in, meaning out: exchanges, latency, waterfall, outcome. No clock, no files, no environment."""
