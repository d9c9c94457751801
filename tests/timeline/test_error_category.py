"""What kind of failure an error is, from what there is to know of it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import Any

import pytest

from callscope.timeline.error_category import CATEGORIES, category_of, may_pass, provider_of


@pytest.mark.parametrize(
    ("exception_type", "http_status", "message", "category"),
    [
        ("AuthenticationError", 401, "Incorrect API key provided", "authentication"),
        ("ClientError", 400, "API key not valid. invalid api key", "authentication"),
        ("PermissionDeniedError", 403, "", "permission"),
        ("RateLimitError", 429, "Rate limit reached for gpt-4.1", "rate_limit"),
        ("RateLimitError", 429, "You exceeded your current quota, please check your plan and billing", "quota"),
        ("APITimeoutError", None, "Request timed out.", "timeout"),
        ("ReadTimeout", None, "", "timeout"),
        ("ConnectError", None, "All connection attempts failed", "connectivity"),
        ("ConnectionClosedError", None, "no close frame received or sent", "connectivity"),
        ("RuntimeError", None, "Connection refused by upstream", "connectivity"),
        ("InternalServerError", 500, "", "server"),
        ("APIStatusError", 529, "Overloaded", "server"),
        ("GatewayError", 504, "", "timeout"),
        ("BadRequestError", 400, "Unsupported parameter: 'x'", "invalid_request"),
        ("BadRequestError", 400, "The response was filtered: content management policy", "content_filter"),
        ("NotFoundError", 404, "The model `gpt-9` does not exist", "not_found"),
        ("ValueError", None, "voice not found in my table", "application"),
        ("KeyError", None, "'order'", "application"),
        ("PermissionError", None, "[Errno 13] Permission denied: '/x'", "application"),
        ("MyOwnError", None, "it broke", "application"),
        ("", None, "server rejected WebSocket connection: HTTP 401", "authentication"),
        ("", None, "Error code: 503 - upstream", "server"),
        ("", None, "websocket closed unexpectedly", "connectivity"),
        ("", None, "order 404 has 500 items", "unknown"),
        ("", None, "", "unknown"),
        (None, "429", 7, "unknown"),
        ("openai.RateLimitError", None, "", "rate_limit"),
        ("x" * 100_000, None, "y" * 1_000_000, "application"),
    ],
)
def test_a_category_is_found(exception_type: Any, http_status: Any, message: Any, category: str) -> None:
    found = category_of(exception_type=exception_type, http_status=http_status, message=message)

    assert found == category
    assert found in CATEGORIES


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (TimeoutError(), "timeout"),
        (asyncio.CancelledError(), "cancelled"),
        (ConnectionResetError(104, "Connection reset by peer"), "connectivity"),
        (BrokenPipeError(32, "Broken pipe"), "connectivity"),
        (socket.gaierror(-2, "Name or service not known"), "connectivity"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "connectivity"),
        (OSError(111, "Connect call failed ('127.0.0.1', 9)"), "connectivity"),
        (json.JSONDecodeError("Expecting value", "", 0), "application"),
        (ZeroDivisionError("division by zero"), "application"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), "application"),
        (FileNotFoundError(2, "No such file or directory"), "application"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_pythons_own_exceptions_have_one(error: BaseException, category: str) -> None:
    assert category_of(exception_type=type(error).__qualname__, message=f"{type(error).__name__}: {error}") == category


def test_trying_again_helps_against_what_passes() -> None:
    assert [may_pass(each) for each in ("timeout", "authentication", "application")] == [True, False, None]


def test_a_provider_is_known_by_its_package() -> None:
    assert provider_of("openai._exceptions") == "openai"
    assert provider_of("openaix") is None
