/** The worker's thread: takes messages in their order, and looks after the rest now and then. */

import { parentPort, workerData } from "node:worker_threads";

import { FLUSH, Ledger, STOP } from "./channel.js";
import { HEARTBEAT_MS, Writer } from "./writer.js";

const SETTLE_MS = 1_000;

const { root, policy, identity, memory } = workerData;
const writer = new Writer({
  root,
  policy,
  identity,
  ledger: new Ledger(memory),
  warn: (cause, text) => parentPort.postMessage(["warn", cause, text]),
  placed: (number, path) => parentPort.postMessage(["placed", number, path]),
});

let isDue = false;

parentPort.on("message", (message) => {
  writer.take(message);
  const [kind, , order, isAwaited] = message;
  if ((kind === FLUSH || kind === STOP) && isAwaited) {
    parentPort.postMessage(["flushed", order]);
  }
  if (!isDue) {
    isDue = true; // once for all messages that came together
    setImmediate(() => {
      isDue = false;
      writer.settle();
    });
  }
});
setInterval(() => writer.settle(), SETTLE_MS);
setInterval(() => writer.beat(), HEARTBEAT_MS);
