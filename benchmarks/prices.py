"""Pricing, beside the `genai-prices` package: start-up, one language-model request, and a thousand whole calls.

Usage: ``python -m benchmarks.prices``; each side runs in fresh processes, five times, and the median counts. Writes its
table into ``docs/performance.md``.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
START, END = "<!-- prices -->", "<!-- end of prices -->"
ROUNDS = 5
AT_MS = 1_795_253_412_000
REQUEST = {"input_tokens": 1812, "cached_tokens": 1024, "output_tokens": 96}
CALL: list[tuple[str, str, str | None, dict[str, Any]]] = [
    ("stt", "deepgram", "nova-3", {"audio_seconds": 42.5}),
    ("llm", "openai", "gpt-4.1", REQUEST),
    ("tts", "cartesia", "sonic-3", {"characters": 412}),
    ("llm", "openai", "gpt-4.1", {"input_tokens": 2100, "cached_tokens": 1792, "output_tokens": 40}),
    ("tts", "cartesia", "sonic-3", {"characters": 88}),
    ("telephony", "twilio", None, {"call_seconds": 61.2, "direction": "inbound"}),
]
CALLS = 1000
FIGURES = {
    "start_ms": "import, load and price a first request, ms",
    "memory_mb": "memory of the process then, MB",
    "request_us": "one language-model request, µs",
    "calls_seconds": f"{CALLS:,} calls of {len(CALL)} usage records, s",
}


def callscope() -> dict[str, float]:
    """Ours: the catalogue that is shipped, and the cost of whole calls as the recorder and ``reprice`` make it."""
    started = time.perf_counter()
    from callscope.prices import shipped
    from callscope.prices.book import PriceBook
    from callscope.prices.costing import cost_of

    book = PriceBook(shipped.catalogue())
    cost_of(book, service="llm", provider="openai", model="gpt-4.1", usage=REQUEST, at_ms=AT_MS)
    figures = {"start_ms": (time.perf_counter() - started) * 1000, "memory_mb": memory_mb()}
    figures["request_us"] = each_us(
        lambda: cost_of(book, service="llm", provider="openai", model="gpt-4.1", usage=REQUEST, at_ms=AT_MS)
    )
    started = time.perf_counter()
    for _ in range(CALLS):
        for service, provider, model, usage in CALL:
            cost_of(book, service=service, provider=provider, model=model, usage=usage, at_ms=AT_MS)
    return figures | {"calls_seconds": time.perf_counter() - started}


def genai_prices() -> dict[str, float]:
    """The package; it knows language models, so it has no whole calls."""
    started = time.perf_counter()
    from datetime import UTC, datetime

    from genai_prices import Usage, calc_price

    moment = datetime.fromtimestamp(AT_MS / 1000, tz=UTC)
    usage = Usage(input_tokens=1812, cache_read_tokens=1024, output_tokens=96)
    calc_price(usage, "gpt-4.1", provider_id="openai", genai_request_timestamp=moment)
    figures = {"start_ms": (time.perf_counter() - started) * 1000, "memory_mb": memory_mb()}
    figures["request_us"] = each_us(
        lambda: calc_price(usage, "gpt-4.1", provider_id="openai", genai_request_timestamp=moment)
    )
    return figures


def each_us(work: Any, number: int = 2000) -> float:
    """Microseconds of one, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(number):
            work()
        best = min(best, time.perf_counter() - started)
    return best / number * 1e6


def memory_mb() -> float:
    """Peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(side: str) -> dict[str, float]:
    """The medians of one side's rounds."""
    rounds = []
    for _ in range(ROUNDS):
        output = subprocess.run(
            [sys.executable, "-m", "benchmarks.prices", side], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        rounds.append(json.loads(output))
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def main(arguments: list[str]) -> None:
    """Run one side and print its figures, or both and write the table."""
    sides = {"callscope": callscope, "genai-prices": genai_prices}
    if arguments:
        print(json.dumps(sides[arguments[0]]()))
        return
    results = {side: measured(side) for side in sides}
    lines = ["| | callscope | genai-prices |", "|---|---:|---:|"]
    for name, title in FIGURES.items():
        cells = [f"{result[name]:.3g}" if name in result else "–" for result in results.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    table = "\n".join(lines)
    print(table)
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(START)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{START}\n{table}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
