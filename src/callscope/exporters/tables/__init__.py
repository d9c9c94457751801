"""The tables that calls are exported as: their columns, and how they are read from the index."""
