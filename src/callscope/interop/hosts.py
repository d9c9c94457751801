"""Who stands behind a host: frameworks report the address that a request went to in place of a provider's name."""

from __future__ import annotations

from typing import Final

_HOSTS: Final = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "api.groq.com": "groq",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.deepseek.com": "deepseek",
    "api.mistral.ai": "mistral",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
    "api.x.ai": "xai",
    "openrouter.ai": "openrouter",
    "generativelanguage.googleapis.com": "google",
    "api.anthropic.com": "anthropic",
    "api.deepgram.com": "deepgram",
    "api.cartesia.ai": "cartesia",
    "api.elevenlabs.io": "elevenlabs",
}


def provider_of_host(host: str) -> str:
    """A provider's usual name; the host itself where nobody is known to be behind it."""
    return next((name for end, name in _HOSTS.items() if host == end or host.endswith(f".{end}")), host)
