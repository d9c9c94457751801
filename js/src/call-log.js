/** The handle of one call. Its methods stamp the time, copy what they are given, and leave; none of them throws. */

import { END, EVENT, ROW, START, TURN, UPDATE } from "./channel.js";
import { isMoment, name, parseTs, plain } from "./wire.js";

const ROW_SIZE = 200;
const FIELDS = {
  caller: "caller",
  callee: "callee",
  direction: "direction",
  telephonyProvider: "telephony_provider",
  providerMode: "provider_mode",
  agent: "agent",
  traceId: "trace_id",
  labels: "labels",
  framework: "framework",
};

let errors = 0;

/** One call being recorded; made by `CallLogger.startCall`. */
export class CallLog {
  constructor(callId, number, channel, { atMs, ...given }) {
    this.callId = callId;
    this.ended = false;
    this.path = null;
    this._number = number;
    this._channel = channel;
    this._dropped = {};
    this._errors = new WeakMap();
    this._anchorMs = Date.now() - performance.now();
    this.startedAtMs = this._now(atMs);
    if (channel === null) {
      return;
    }
    this.path = channel.planned(callId, this.startedAtMs);
    channel.order([START, number, this.startedAtMs, callId, this.path, JSON.stringify(plain(fieldsOf(given)))]);
  }

  /** Whether anything is recorded: not without a root, and not after the logger was closed. */
  get enabled() {
    return this._channel !== null && !this._channel.closed;
  }

  /** Record one side's contribution. */
  turn(role, text = null, options = {}) {
    this._guard(() => {
      const { turnIndex, atMs, durationMs, latency, cost, interrupted, heard } = options ?? {};
      const said = {
        role: name(role),
        text: text === null || text === undefined ? null : name(text),
        latency: latency ? plain(latency) : null,
        cost: cost ? plain(cost) : null,
      };
      if (typeof durationMs === "number") {
        said.duration_ms = plain(durationMs);
      }
      if (interrupted === true) {
        said.interrupted = true;
      }
      if (interrupted === true || (heard !== undefined && heard !== null)) {
        said.heard = plain(heard);
      }
      if (Number.isSafeInteger(turnIndex)) {
        said.turn_index = turnIndex;
      }
      this._offer(TURN, this._now(atMs), said);
    });
  }

  /** Record an operational event. */
  event(type, data = null, { atMs } = {}) {
    this._guard(() => this._offer(EVENT, this._now(atMs), objectOf(data), name(type)));
  }

  /** Record what a service did that somebody bills for, as an event of type `usage`. Of `text` its length is kept. */
  usage(service, { provider = null, model = null, atMs, text, ...units } = {}) {
    this._guard(() => {
      const data = { service, provider, model, ...(typeof text === "string" ? measured(text) : {}) };
      for (const [unit, value] of Object.entries(units)) {
        if (value !== null && value !== undefined) {
          data[unit] = value;
        }
      }
      this._offer(EVENT, this._now(atMs), plain(data), "usage");
    });
  }

  /** Record that something failed; an Error with its stack, and once, however often it is told. */
  error(error, { atMs, ...data } = {}) {
    this._guard(() => this._offer(EVENT, this._now(atMs), plain({ ...this._described(error), ...data }), "error"));
  }

  /** Record a transcript row in another writer's shape, as it is given. */
  row(row, { atMs } = {}) {
    this._guard(() => {
      if (row === null || typeof row !== "object" || Array.isArray(row)) {
        throw new TypeError("a row is an object");
      }
      const given = plain(row);
      const told = atMs === undefined ? parseTs(given.timestamp) : null;
      this._offer(ROW, told ?? this._now(atMs), given);
    });
  }

  /** Add to the call's metadata what became known after its start; `agent` and `labels` are merged. */
  update(given = {}) {
    this._steer(() => [UPDATE, this._number, JSON.stringify(plain(fieldsOf(given)))]);
  }

  /** End the call; only the first time counts. */
  end(options = {}) {
    if (this.ended) {
      return;
    }
    this.ended = true;
    this._steer(() => {
      const { status, error, reason, atMs, durationMs, turns, cost, latency, recordingPath } = options ?? {};
      const given = {
        status,
        error: error instanceof Error ? `${error.name}: ${error.message}` : error,
        reason,
        duration_ms: durationMs,
        turns,
        cost,
        latency,
        recording_path: recordingPath,
      };
      return [END, this._number, this._now(atMs), JSON.stringify(plain(given)), this._dropped];
    });
  }

  _offer(kind, atMs, payload, type = null) {
    const channel = this._channel;
    if (channel === null) {
      return;
    }
    const text = JSON.stringify(payload);
    const reason = channel.offer([kind, this._number, atMs, text.length + ROW_SIZE, text, type]);
    if (reason !== null) {
      this._drop(reason);
    }
  }

  _guard(record) {
    if (this._channel === null) {
      return;
    }
    try {
      record();
    } catch (error) {
      this._channel.refuse(error);
      this._drop("invalid");
    }
  }

  _steer(message) {
    if (this._channel === null) {
      return;
    }
    try {
      this._channel.order(message());
    } catch (error) {
      this._channel.complain(error);
    }
  }

  _drop(reason) {
    this._dropped[reason] = (this._dropped[reason] ?? 0) + 1;
  }

  /** Unix milliseconds: as given where that is a moment, else by the call's own clock, which never goes back. */
  _now(atMs) {
    return isMoment(atMs) ? Math.trunc(atMs) : Math.floor(this._anchorMs + performance.now());
  }

  _described(error) {
    if (!(error instanceof Error)) {
      return { message: name(error) };
    }
    errors += 1;
    const first = this._errors.get(error);
    const id = `exception-${errors}`;
    if (first === undefined) {
      this._errors.set(error, id);
    }
    return {
      message: `${error.name}: ${error.message}`,
      exception_type: error.constructor?.name || error.name,
      error_id: id,
      ...(first === undefined ? {} : { duplicate_of: first }),
      stack: String(error.stack ?? ""),
    };
  }
}

function fieldsOf(given) {
  const fields = {};
  for (const [option, field] of Object.entries(FIELDS)) {
    const value = given?.[option];
    if (value !== undefined && value !== null) {
      fields[field] = value;
    }
  }
  return fields;
}

function objectOf(data) {
  const given = data === null || data === undefined ? {} : plain(data);
  return typeof given === "object" && given !== null && !Array.isArray(given) ? given : { value: given };
}

/** What was sent, as the measures that somebody bills, taken before any word of it is masked. */
function measured(text) {
  const characters = [...text].length;
  const bytes = Buffer.byteLength(text);
  return bytes === characters ? { characters } : { characters, utf8_bytes: bytes };
}
