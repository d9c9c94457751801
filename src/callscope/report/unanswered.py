"""Why a request over the network was not answered."""

from __future__ import annotations

import http.client
import socket
import ssl


def why_unanswered(error: Exception) -> str:
    """What happened, in words that hold nothing of the request: it may hold a secret."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "it closed the connection without an answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"its answer is not HTTP ({type(error).__name__})"
