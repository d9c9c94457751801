/** Where the files of a call are: docs/file-format.md. Pure. */

import { createHash } from "node:crypto";
import { join } from "node:path";

export const METADATA = "metadata.json";
export const TRANSCRIPT = "transcript.jsonl";
export const EVENTS = "events.jsonl";

const MAX_NAME = 64;
const HASH_DIGITS = 16;
const SAFE = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/u;
const UNSAFE = /[^A-Za-z0-9_-]+/gu;
const RESERVED = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?$/isu;

/** The call id as a directory name of at most 64 characters; different ids have different names. */
export function safeName(callId) {
  if (SAFE.test(callId) && !RESERVED.test(callId)) {
    return callId;
  }
  const digest = createHash("sha256").update(callId, "utf8").digest("hex").slice(0, HASH_DIGITS);
  const stem = callId.replace(UNSAFE, "_").slice(0, MAX_NAME - HASH_DIGITS - 1).replace(/^_+|_+$/gu, "");
  return `${stem || "call"}~${digest}`;
}

/** The directory that a call gets when nothing else has claimed it; the day is the UTC day of its start. */
export function callDir(root, callId, startedAtMs) {
  const [day] = new Date(startedAtMs).toISOString().split("T");
  return join(root, "calls", ...day.split("-"), safeName(callId));
}

/** Where writers say that they are alive, and what they lost. */
export function writersDir(root) {
  return join(root, ".callscope", "writers");
}
