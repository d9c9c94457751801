"""Requests of OTLP, as JSON or protobuf, into spans, metric points and log records."""
