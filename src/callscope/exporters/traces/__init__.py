"""Calls as traces: read, written as OTLP in JSON or protobuf, sent over HTTP, forwarded as they end."""
