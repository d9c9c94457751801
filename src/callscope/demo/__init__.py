"""Real calls without keys or network: a Pipecat bot, a caller that speaks, a scripted language model."""
