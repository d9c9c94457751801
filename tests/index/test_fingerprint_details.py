"""Which differences between errors are details: ids, numbers, addresses, places in files."""

from __future__ import annotations

import pytest

from callscope.index.fingerprint import pattern_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tool failed at bot.py:42", "tool failed at bot.py:1337"),
        ('File "/app/bot.py", line 7, in answer', 'File "/home/x/bot.py", line 9, in answer'),
        ("File bot.py, line 7, in answer", "File bot.py, line 900, in answer"),
        ("<Task name='Task-17' coro=<answer() at 0x7f3b>>", "<Task name='Task-9' coro=<answer() at 0xa1>>"),
        ("connect to 10.0.0.7:443 failed", "connect to 192.168.1.20:8443 failed"),
        ("no order 4412 for +4915112345678", "no order 7 for +15551234567"),
        ("OpenAILLMService#0 exception (llm.py:120)", "OpenAILLMService#12 exception (llm.py:98)"),
        ("call 3fa85f64-5717-4562-b3fc-2c963f66afa6 lost", "call 0b9d2a44-aaaa-bbbb-cccc-123456789abc lost"),
    ],
)  # fmt: skip
def test_a_difference_in_details_is_none(one: str, other: str) -> None:
    assert pattern_of(one) == pattern_of(other)


def test_what_is_no_detail_makes_a_difference() -> None:
    assert len({pattern_of(text) for text in ("HTTP 401", "HTTP 500", "in answer", "in greet")}) == 4
