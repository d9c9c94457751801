/** metadata.json of one call: what was told about it, made fit to be written the moment it is told. Pure. */

import { UNITS } from "./keys.js";
import { fields, phoneNumber, words } from "./policy.js";
import { SCHEMA_VERSION, VERSION } from "./version.js";
import { formatTs, name } from "./wire.js";

const PHONES = ["caller", "callee"];
const WORDS = ["trace_id", "direction", "telephony_provider", "provider_mode"];
const OBJECTS = { agent: "model", labels: "label", framework: "name" };
const STATUSES = new Set(["completed", "failed", "no_answer", "busy", "canceled", "abandoned"]);
const SYNONYMS = {
  complete: "completed", done: "completed", ended: "completed", success: "completed",
  crashed: "failed", error: "failed", errored: "failed", failure: "failed", timeout: "failed", cancelled: "canceled",
};
const WITHHELD = "withheld by the transcript policy";
const MAX_MS = 1e12;
const MAX_QUANTITY = 1e15;

export class Envelope {
  constructor(callId, startedAtMs, policy, writer) {
    this._callId = callId;
    this._startedAtMs = startedAtMs;
    this._policy = policy;
    this._writer = writer;
    this._fields = { agent: {}, labels: {}, framework: null };
    this._end = {};
    this._usage = new Map();
    this.endedAtMs = null;
    /** What the last fatal error says; a call that has one is no completed one. */
    this.fatal = null;
  }

  /** Take what became known; objects are merged, other values replaced. */
  update(given) {
    for (const [key, value] of Object.entries(given)) {
      if (key in OBJECTS) {
        if (value) {
          this._fields[key] = { ...this._fields[key], ...this._object(value, OBJECTS[key]) };
        }
      } else if (PHONES.includes(key)) {
        this._fields[key] = phoneNumber(value === null ? "" : name(value), this._policy);
      } else if (WORDS.includes(key)) {
        this._fields[key] = value === null ? null : this._word(value, key);
      }
    }
  }

  /** Take how the call ended; only the first time counts. */
  end(given, endedAtMs) {
    if (this.endedAtMs !== null) {
      return;
    }
    const text = (value) => (value === null || value === undefined ? null : name(value));
    const error = text(given.error);
    this._end = {
      status: statusOf(given.status),
      error: error ? words(error, this._policy) || WITHHELD : null,
      reason: words(text(given.reason), this._policy),
      durationMs: number(given.duration_ms),
      turns: Number.isInteger(given.turns) ? number(given.turns) : null,
      cost: this._figures(given.cost),
      latency: this._figures(given.latency),
      recordingPath: given.recording_path ? this._word(given.recording_path, "value") : null,
    };
    this.endedAtMs = Math.max(endedAtMs, this._startedAtMs);
  }

  /** Add one `usage` event to the sums of the call. */
  use(data) {
    const service = data.service ? String(data.service) : "other";
    const [provider, model] = [data.provider, data.model].map((word) => (typeof word === "string" && word) || null);
    const key = JSON.stringify([service, provider, model]);
    const sum = this._usage.get(key) ?? { service, provider, model, reports: 0, unreported_requests: 0, units: {} };
    this._usage.set(key, sum);
    if (Number.isInteger(data.unreported_requests) && data.unreported_requests > 0) {
      sum.unreported_requests += data.unreported_requests;
    }
    let found = false;
    for (const unit of UNITS) {
      const value = data[unit];
      if (typeof value === "number" && value >= 0 && value <= MAX_QUANTITY) {
        sum.units[unit] = (sum.units[unit] ?? 0) + value;
        found = true;
      }
    }
    sum.reports += found ? 1 : 0;
  }

  /** The envelope as of now. */
  document({ turns, errors, written, lost }) {
    const known = this._fields;
    const end = this._end;
    const ended = this.endedAtMs !== null;
    const durationMs = ended ? (end.durationMs ?? this.endedAtMs - this._startedAtMs) : null;
    const [statusNow, error] = this._outcome();
    const document = {
      schema_version: SCHEMA_VERSION,
      call_id: this._callId,
      trace_id: known.trace_id ?? null,
      started_at: formatTs(this._startedAtMs),
      ended_at: ended ? formatTs(this.endedAtMs) : null,
      duration_ms: durationMs,
      status: ended ? statusNow : "in_progress",
      caller: known.caller || "",
      callee: known.callee || "",
      direction: known.direction || "inbound",
      telephony_provider: known.telephony_provider || "",
      provider_mode: known.provider_mode || "",
      agent: known.agent,
      turns: end.turns ?? turns,
      cost: end.cost ?? null,
      latency: end.latency ?? null,
      error: ended ? error : null,
    };
    if (end.recordingPath) {
      document.recording_path = end.recordingPath;
    }
    document.callscope = {
      version: VERSION,
      writer: this._writer,
      framework: known.framework,
      end_reason: ended ? end.reason || "the call ended" : null,
      labels: known.labels,
      ...this._usageLines(),
      errors,
      accepted: written + sumOf(lost),
      written,
      lost: sorted(lost),
      privacy: { phone: this._policy.phone, transcript: this._policy.transcript },
    };
    return document;
  }

  /** "Completed" is a claim that an error contradicts. */
  _outcome() {
    const { status = null, error = null } = this._end;
    if (status !== null && status !== "completed") {
      return [status, error];
    }
    const fatal = this.fatal === null ? null : `a fatal error ended the conversation: ${this.fatal}`;
    const why = error ?? fatal;
    return [why === null ? "completed" : "failed", why];
  }

  _usageLines() {
    const order = (line) => [line.service, line.provider ?? "", line.model ?? ""].join("\0");
    const lines = [...this._usage.values()].map((line) => ({ ...line, units: tidied(line.units) }));
    lines.sort((one, other) => (order(one) < order(other) ? -1 : 1));
    return { usage: lines };
  }

  _object(value, key) {
    const isObject = typeof value === "object" && !Array.isArray(value);
    return fields(isObject ? value : { [key]: value }, this._policy);
  }

  _word(value, key) {
    const kept = fields({ [key]: name(value) }, this._policy)[key];
    return typeof kept === "string" ? kept : "";
  }

  _figures(value) {
    return value !== null && typeof value === "object" && !Array.isArray(value) ? fields(value, this._policy) : null;
  }
}

/** Counts in a fixed order. */
export function sorted(counts) {
  return Object.fromEntries(Object.entries(counts).sort(([one], [other]) => (one < other ? -1 : 1)));
}

export function sumOf(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The schema's word for an end; null for one that means nothing. */
function statusOf(given) {
  if (typeof given !== "string") {
    return null;
  }
  const word = given.trim().toLowerCase().replaceAll("-", "_").replaceAll(" ", "_");
  const status = Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word] : word;
  return STATUSES.has(status) ? status : null;
}

function number(value) {
  return typeof value === "number" && value >= 0 && value <= MAX_MS ? value : null;
}

function tidied(units) {
  return Object.fromEntries(Object.entries(units).map(([unit, value]) => [unit, Math.round(value * 1e6) / 1e6]));
}
