/** A program: records the calls of a file of vectors as the environment says, for tests that compare writers. */

import { readFileSync } from "node:fs";

import { CallLogger } from "../src/index.js";

const [file] = process.argv.slice(2);
const logger = CallLogger.fromEnv();

for (const { call_id: callId, start, steps, end } of JSON.parse(readFileSync(file, "utf8"))) {
  const call = logger.startCall(callId, options(start));
  for (const [kind, atMs, ...rest] of steps) {
    if (kind === "turn") {
      call.turn(rest[0], rest[1], { ...options(rest[2]), atMs });
    } else if (kind === "row") {
      call.row(rest[0], atMs === null ? {} : { atMs });
    } else if (kind === "usage") {
      call.usage(rest[0], { ...rest[1], atMs });
    } else {
      call.event(rest[0], rest[1], { atMs });
    }
  }
  call.end(options(end));
}
await logger.close();

function options(given) {
  const camel = (name) => name.replaceAll(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [camel(name), value]));
}
