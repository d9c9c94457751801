"""What a logger's name tells: which stage of a call, whose service, and whether it is a framework that speaks."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_FRAMEWORKS: Final = frozenset(
    {
        "pipecat", "livekit", "getpatter", "openai", "anthropic", "deepgram", "cartesia", "elevenlabs", "google",
        "httpx", "httpcore", "h2", "hpack", "websockets", "aiohttp", "urllib3", "requests", "botocore", "boto3",
        "aws_sdk_bedrock_runtime", "azure", "twilio", "telnyx", "daily", "aiortc", "aioice", "uvicorn", "fastapi",
        "starlette", "asyncio", "sqlalchemy", "langchain", "langgraph", "langfuse", "mcp", "litellm", "groq",
        "mistralai", "cohere", "assemblyai", "soniox", "speechmatics", "opentelemetry", "strands", "numba", "nltk",
        "onnxruntime", "transformers", "grpc", "redis", "pymongo", "asyncpg", "psycopg", "parso", "markdown_it",
    }
)  # fmt: skip
_STAGES: Final = ("llm", "stt", "tts")


@lru_cache(maxsize=4096)
def is_framework(logger: str) -> bool:
    """Whether the lines are a library's, whose DEBUG lines hold what it sends and gets."""
    return logger.partition(".")[0].lower() in _FRAMEWORKS


@lru_cache(maxsize=4096)
def service_of(logger: str) -> tuple[str | None, str | None]:
    """Stage and provider of a logger's lines, None where its name does not tell."""
    parts = logger.split(".")
    if parts[:2] == ["pipecat", "services"]:
        # A package is a provider's (pipecat.services.openai.llm); a module is the framework's (….llm_service).
        return _stage(parts[2:]), parts[2] if len(parts) > len(("pipecat", "services", "provider")) else None
    if parts[:2] == ["livekit", "plugins"] and len(parts) > len(("livekit", "plugins")):
        return _stage(parts[3:]), parts[2]
    if parts[:2] == ["pipecat", "transports"]:
        return "transport", None
    if parts[0] in {"openai", "anthropic", "groq", "mistralai", "cohere"}:
        return "llm", parts[0]
    return None, None


def _stage(parts: list[str]) -> str | None:
    for part in reversed(parts):
        for stage in _STAGES:
            if part == stage or part.startswith(f"{stage}_") or part.endswith(f"_{stage}"):
                return stage
    return None
