"""The hot path: stamp, append, leave; one thread writes."""
