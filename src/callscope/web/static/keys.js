// Keys: see docs/dashboard.md.
