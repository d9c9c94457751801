/**
 * What waits is written when the process ends: at its exit, and before a signal that would end it.
 *
 * A signal's own effect stays what it was. Where the application listens to it too, it decides, and only what waits is
 * written; where nobody else does, the signal ends the process after that, as it would have.
 */

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];

const loggers = new Map();
let isListening = false;

/** Drain a logger at the process's end; it is held until `forget`. */
export function drainAtExit(logger, handleSignals) {
  loggers.set(logger, handleSignals);
  if (!isListening) {
    isListening = true;
    process.on("exit", atExit);
  }
  if (handleSignals) {
    for (const signal of SIGNALS) {
      if (!process.listeners(signal).includes(atSignal)) {
        process.on(signal, atSignal);
      }
    }
  }
}

/** A logger that was closed needs nothing any more. */
export function forget(logger) {
  loggers.delete(logger);
  if (![...loggers.values()].some(Boolean)) {
    for (const signal of SIGNALS) {
      process.off(signal, atSignal);
    }
  }
}

function atExit() {
  for (const logger of loggers.keys()) {
    logger.drainSync({ close: true });
  }
}

function atSignal(signal) {
  const isOurs = process.listenerCount(signal) === 1;
  for (const [logger, handleSignals] of loggers) {
    if (handleSignals || isOurs) {
      logger.drainSync({ close: isOurs });
    }
  }
  if (isOurs) {
    process.off(signal, atSignal);
    process.kill(process.pid, signal);
  }
}
