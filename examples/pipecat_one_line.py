"""A Pipecat bot, recorded by callscope: one import and one line. Needs ``pip install 'callscope[demo]'``.

    PATTER_LOG_DIR=./calls python examples/pipecat_one_line.py
    callscope ls --root ./calls

It runs without keys and network: recogniser and synthesizer work in this process, the language model
follows a script, and the caller is a program that rings as soon as the bot listens. In a bot of your own
those are your services and your transport; the line stays the same.
"""
# No postponed annotations here: pipecat reads those of the tool functions.

import asyncio
import os
from typing import Any

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import TTSSpeakFrame
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
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from callscope.adapters.pipecat import attach
from callscope.demo.caller import call
from callscope.demo.llm_server import LlmServer
from callscope.demo.recogniser import SphinxSTTService
from callscope.demo.scenarios import REPLIES, SCENARIOS
from callscope.demo.synthesizer import EspeakTTSService

PORT = int(os.environ.get("PORT", "8770"))
SCENARIO = SCENARIOS["order"]


async def lookup_order(params: FunctionCallParams, order_number: str) -> None:
    """Look an order up in the shop's system.

    Args:
        params: given by pipecat.
        order_number: digits of the order.
    """
    await asyncio.sleep(0.5)
    await params.result_callback({"order": order_number, "state": "in transit", "arrives": "Friday"})


async def run_bot(llm_url: str) -> None:
    """Take one call and return when the caller has hung up."""
    transport = SingleClientWebsocketServerTransport(
        params=SingleClientWebsocketServerParams(
            serializer=ProtobufFrameSerializer(), audio_in_enabled=True, audio_out_enabled=True
        ),
        host="127.0.0.1",
        port=PORT,
    )
    llm = OpenAILLMService(
        api_key="not-needed-here",
        base_url=llm_url,
        settings=OpenAILLMService.Settings(model="gpt-4.1-mini", system_instruction="You are a parcel desk."),
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext(tools=[lookup_order]),
        user_params=LLMUserAggregatorParams(
            vad_analyzer=SileroVADAnalyzer(),
            user_turn_strategies=UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()]),
        ),
    )
    pipeline = Pipeline(
        [
            transport.input(),
            SphinxSTTService(REPLIES),
            user,
            llm,
            EspeakTTSService(SCENARIO.agent),
            transport.output(),
            AudioBufferProcessor(num_channels=2, buffer_size=32_000, auto_start_recording=True),
            assistant,
        ]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=16_000),
    )
    attach(worker)

    @transport.event_handler("on_websocket_ready")  # type: ignore[untyped-decorator]
    async def on_websocket_ready(_transport: Any) -> None:
        await call(SCENARIO, url=f"ws://127.0.0.1:{PORT}")

    @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]
    async def on_client_connected(_transport: Any, _client: Any) -> None:
        await worker.queue_frame(TTSSpeakFrame("Hello, this is the parcel desk. How can I help you?"))

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]
    async def on_client_disconnected(_transport: Any, _client: Any) -> None:
        await worker.cancel()

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()


async def main() -> None:
    """Run the bot against the language model that follows a script."""
    async with LlmServer().serving() as llm:
        await run_bot(llm.base_url("example"))


if __name__ == "__main__":
    asyncio.run(main())
