"""What a response, or a transcription, used."""

from __future__ import annotations

from typing import Any

from callscope.interop.realtime.values import known, mapping, number, within


def of_response(usage: dict[str, Any]) -> dict[str, Any]:
    """Tokens of one response; the cached ones are inside the input."""
    given, made = mapping(usage.get("input_token_details")), mapping(usage.get("output_token_details"))
    cached = mapping(given.get("cached_tokens_details"))
    return known(
        input_tokens=number(usage.get("input_tokens")),
        output_tokens=number(usage.get("output_tokens")),
        total_tokens=number(usage.get("total_tokens")),
        input_text_tokens=number(given.get("text_tokens")),
        input_audio_tokens=number(given.get("audio_tokens")),
        input_image_tokens=number(given.get("image_tokens")) or None,
        cached_tokens=number(given.get("cached_tokens")),
        cached_text_tokens=number(cached.get("text_tokens")),
        cached_audio_tokens=number(cached.get("audio_tokens")),
        output_text_tokens=number(made.get("text_tokens")),
        output_audio_tokens=number(made.get("audio_tokens")),
    )


def of_transcription(usage: dict[str, Any]) -> dict[str, Any]:
    """Tokens or seconds of one transcription, whichever its model is billed by."""
    return known(
        audio_seconds=number(usage.get("seconds")),
        input_tokens=number(usage.get("input_tokens")),
        output_tokens=number(usage.get("output_tokens")),
        input_audio_tokens=number(within(usage, "input_token_details", "audio_tokens")),
        input_text_tokens=number(within(usage, "input_token_details", "text_tokens")),
    )
