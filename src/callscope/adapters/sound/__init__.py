"""The sound of a call, put together by the moments at which it was heard; for adapters of all frameworks."""
