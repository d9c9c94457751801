"""The index at scale: archives made of real conversations, every budget of the index, DuckDB beside it."""
