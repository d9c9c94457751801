"""The demo's agent: an ordinary Pipecat bot on a websocket, with parts that run offline.

``python -m callscope.demo.bot --llm URL CALL_ID:SCENARIO:PORT ...`` serves one call on each port and ends
when all of them have ended. With ``--root DIR`` the calls are recorded there; without it nothing is attached
here, so that ``PIPECAT_SETUP_FILES`` can do it.
"""
# No postponed annotations here: pipecat reads those of the tool functions.

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from loguru import logger
from pipecat.audio.turn.smart_turn.base_smart_turn import SmartTurnParams
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import ErrorFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.audio.audio_buffer_processor import AudioBufferProcessor
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy, TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from callscope.demo.espeak import SAMPLE_RATE
from callscope.demo.recogniser import SphinxSTTService
from callscope.demo.scenarios import (
    APOLOGY,
    DESK_NUMBER,
    GREETING,
    INSTRUCTION,
    MADE_UP_KEY,
    MODEL,
    REPLIES,
    SCENARIOS,
    Scenario,
)
from callscope.demo.synthesizer import EspeakTTSService

_TURN_PAUSE_SECONDS = 0.4
_TURN_MODEL_STOP_SECONDS = 1.0
"""After this much silence a turn is over, even where Smart Turn takes the sentence for unfinished."""
_LOOKUP_SECONDS = 1.0
_PRICES = Path(__file__).with_name("prices.toml")
_RECORDING_CHUNK_BYTES = SAMPLE_RATE * 2


async def lookup_order(params: FunctionCallParams, order_number: str) -> None:
    """Look an order up in the shop's system.

    Args:
        params: given by pipecat.
        order_number: digits of the order.
    """
    await asyncio.sleep(_LOOKUP_SECONDS)
    await params.result_callback({"order": order_number, "state": "in transit", "arrives": "Friday"})


def build_worker(scenario: Scenario, *, call_id: str, port: int, llm_url: str) -> PipelineWorker:
    """The bot of one call, waiting for its caller on ``port``. It ends when the caller leaves."""
    transport = SingleClientWebsocketServerTransport(
        params=SingleClientWebsocketServerParams(
            serializer=ProtobufFrameSerializer(), audio_in_enabled=True, audio_out_enabled=True
        ),
        host="127.0.0.1",
        port=port,
    )
    llm = OpenAILLMService(
        api_key=MADE_UP_KEY,
        base_url=f"{llm_url}/{call_id}/v1",
        settings=OpenAILLMService.Settings(model=MODEL, system_instruction=INSTRUCTION),
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext(tools=[lookup_order]),
        user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=_turns(scenario)),
    )
    pipeline = Pipeline(
        [
            transport.input(),
            SphinxSTTService(REPLIES),
            user,
            llm,
            EspeakTTSService(scenario.agent),
            transport.output(),
            AudioBufferProcessor(num_channels=2, buffer_size=_RECORDING_CHUNK_BYTES, auto_start_recording=True),
            assistant,
        ]
    )
    worker = PipelineWorker(
        pipeline,
        conversation_id=call_id,
        params=PipelineParams(audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=SAMPLE_RATE),
    )

    @transport.event_handler("on_websocket_ready")  # type: ignore[untyped-decorator]
    async def tell(_transport: Any) -> None:
        print(f"ready {call_id}", flush=True)  # noqa: T201 -- read by whoever started this process

    @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]
    async def greet(_transport: Any, _client: Any) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING))

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]
    async def leave(_transport: Any, _client: Any) -> None:
        await worker.cancel(reason="the caller hung up")

    @worker.event_handler("on_pipeline_error")  # type: ignore[untyped-decorator]
    async def apologise(_worker: Any, error: ErrorFrame) -> None:
        if error.processor is llm:
            await worker.queue_frame(TTSSpeakFrame(APOLOGY))

    return worker


def _turns(scenario: Scenario) -> UserTurnStrategies:
    if not scenario.turn_model:
        return UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=_TURN_PAUSE_SECONDS)])
    model = LocalSmartTurnAnalyzerV3(params=SmartTurnParams(stop_secs=_TURN_MODEL_STOP_SECONDS))
    return UserTurnStrategies(stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=model)])


async def serve(calls: list[str], *, llm_url: str, root: Path | None) -> None:
    """Serve the calls, each given as ``CALL_ID:SCENARIO:PORT``, until all have ended."""
    runner = WorkerRunner()
    async with _recording(root) as attach:
        for call in calls:
            call_id, name, port = call.split(":")
            scenario = SCENARIOS[name]
            worker = build_worker(scenario, call_id=call_id, port=int(port), llm_url=llm_url)
            attach(worker, call_id, scenario)
            await runner.add_workers(worker)
        await runner.run()


@asynccontextmanager
async def _recording(root: Path | None) -> AsyncIterator[Callable[[PipelineWorker, str, Scenario], None]]:
    """How a worker is attached to a recorder under ``root``; not at all without one."""
    if root is None:
        yield lambda _worker, _call_id, _scenario: None
        return
    # Not imported above: a bot that attaches nothing must not need the recorder at all.
    import msgspec  # noqa: PLC0415 -- see the line before

    from callscope import CallLogger, config, logs  # noqa: PLC0415 -- the same
    from callscope.adapters.pipecat import CallObserver  # noqa: PLC0415 -- the same

    settings = config.load()
    if settings.prices is None:
        settings = msgspec.structs.replace(settings, prices=str(_PRICES))
    call_logger = CallLogger(root, settings=settings)
    lines = logs.configure(console=False, directory=root / "logs", settings=settings)

    def attach(worker: PipelineWorker, call_id: str, scenario: Scenario) -> None:
        worker.add_observer(
            CallObserver(
                call_logger,
                call_id=call_id,
                caller=scenario.number,
                callee=DESK_NUMBER,
                labels={"environment": "demo", "scenario": scenario.name},
            )
        )

    try:
        yield attach
    finally:
        await call_logger.aclose()
        lines.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m callscope.demo.bot", description="The demo's agent.")
    parser.add_argument("calls", nargs="+", metavar="CALL_ID:SCENARIO:PORT")
    parser.add_argument("--llm", required=True, metavar="URL", help="the scripted language model")
    parser.add_argument("--root", type=Path, help="where the calls are recorded")
    parser.add_argument("--log-level", default="ERROR", help="of what pipecat prints on stderr")
    options = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level=options.log_level)
    asyncio.run(serve(options.calls, llm_url=options.llm, root=options.root))


if __name__ == "__main__":
    main()
