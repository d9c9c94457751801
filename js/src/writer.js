/**
 * Writes the rows of one logger: redacts, encodes, appends, replaces metadata. Runs on a thread of its own, so the disk
 * is touched synchronously and no call waits for it.
 *
 * A row that cannot be written is counted with its reason and forgotten. Metadata, of which there is one a call, is
 * retried.
 */

import fs from "node:fs";
import { join } from "node:path";

import { END, EVENT, FLUSH, ROW, START, STOP, TURN, UPDATE } from "./channel.js";
import { Envelope, sumOf } from "./envelope.js";
import { Appender, claim, makeDir, touchDay, writeJson } from "./files.js";
import { EVENTS, METADATA, TRANSCRIPT, writersDir } from "./paths.js";
import { eventData, fields, turnRow } from "./policy.js";
import { SCHEMA_VERSION } from "./version.js";
import { formatTs } from "./wire.js";

export const HEARTBEAT_MS = 10_000;
const RETRY_MS = 1_000;
const KEPT = 1_024;
const REASON_OF = {
  ENOSPC: "disk_full", EDQUOT: "disk_full", EFBIG: "file_too_large",
  EACCES: "permission", EPERM: "permission", EROFS: "permission",
};
const ADVICE = {
  disk_full: "; make room, or run `callscope prune`",
  permission: "; give this process write access",
  file_too_large: "; raise the file size limit (ulimit -f)",
  io_error: "; look at the disk",
};

/** The ledger's word for an error of the disk; null for an error of ours. */
export function reasonOf(error) {
  return typeof error?.code === "string" && /^E[A-Z0-9]+$/u.test(error.code)
    ? (REASON_OF[error.code] ?? "io_error")
    : null;
}

export class Writer {
  /**
   * @param {object} options
   * @param {string} options.root the archive
   * @param {object} options.policy what may be written: `phone`, `transcript`, `hashKey`
   * @param {object} options.identity what metadata says about its writer
   * @param {import("./channel.js").Ledger} options.ledger counts what was written and lost
   * @param {(cause: string, text: string) => void} options.warn takes what a person should know
   * @param {(number: number, path: string) => void} [options.placed] told where a call's directory is
   * @param {(fd: number, data: Buffer, from: number) => number} [options.write] only a test of failing disks gives one
   */
  constructor({ root, policy, identity, ledger, warn, placed = () => {}, write = undefined }) {
    this._root = root;
    this._policy = policy;
    this._identity = identity;
    this._ledger = ledger;
    this._warn = warn;
    this._placed = placed;
    this._appender = new Appender(write);
    this._calls = new Map();
    this._ended = new Set();
    this._stale = new Set();
    this._sign = null;
    this._retryAt = 0;
  }

  get openCalls() {
    return this._calls.size - this._ended.size;
  }

  /** Take one message of the caller's thread. Never raises. */
  take(message) {
    const [kind, number] = message;
    const isRow = kind === TURN || kind === ROW || kind === EVENT;
    const written = this._ledger.written;
    try {
      this._handle(kind, number, message);
    } catch (error) {
      if (isRow && this._ledger.written === written) {
        this._lose(this._calls.get(number), reasonOf(error) ?? "invalid");
      }
      this._complain(error, "rows of calls cannot be written");
    }
    if (isRow) {
      this._ledger.weigh(-message[3]);
    }
  }

  /** Look after what is not a row: metadata that is not up to date. Whether all of it is. */
  settle({ force = false } = {}) {
    if (this._stale.size > 0 && (force || Date.now() >= this._retryAt)) {
      for (const call of [...this._stale]) {
        this._keep(call);
      }
    }
    return this._stale.size === 0;
  }

  /** Show that this writer lives, with its ledger. */
  beat() {
    try {
      if (this._sign === null) {
        if (this._calls.size === 0) {
          return;
        }
        makeDir(writersDir(this._root));
        this._sign = fs.openSync(this._signPath(), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
      }
      const document = Buffer.from(`${JSON.stringify(this._account())}\n`);
      fs.ftruncateSync(this._sign, 0);
      fs.writeSync(this._sign, document, 0, document.length, 0);
      this._appender.closeRemoved();
    } catch (error) {
      this._complain(error, "the writer's own file cannot be written");
    }
  }

  _handle(kind, number, message) {
    const call = this._calls.get(number);
    if (kind === START) {
      this._start(message);
    } else if (kind === FLUSH) {
      this.settle();
      this._ledger.flushed(message[2]);
    } else if (kind === STOP) {
      this._stop();
      this._ledger.flushed(message[2]);
    } else if (call === undefined) {
      this._lose(undefined, "closed");
    } else if (kind === UPDATE) {
      call.about.update(JSON.parse(message[2]));
      this._stale.add(call);
    } else if (kind === END) {
      this._end(call, message);
    } else {
      this._row(call, kind, message);
    }
  }

  _start([, number, startedAtMs, callId, planned, given]) {
    const about = new Envelope(callId, startedAtMs, this._policy, this._identity);
    const call = {
      number, about, planned, path: null, transcript: "", events: "",
      nextTurn: 0, turns: 0, errors: 0, written: 0, lost: {}, retryAt: 0, why: null,
    };
    this._calls.set(number, call);
    about.update(JSON.parse(given));
    if (this._sign === null) {
      this.beat();
    }
    this._open(call);
  }

  _row(call, kind, [, , atMs, , payload, type]) {
    this._open(call);
    const given = JSON.parse(payload);
    if (kind === EVENT) {
      this._event(call, atMs, type, given);
    } else if (kind === TURN) {
      const index = given.turn_index ?? call.nextTurn;
      delete given.turn_index;
      const begin = { schema_version: SCHEMA_VERSION, ts: formatTs(atMs), turn_index: index };
      this._append(call, call.transcript, { ...begin, ...turnRow(given, this._policy) });
      call.nextTurn = index + 1;
      call.turns += 1;
    } else {
      const row = { schema_version: SCHEMA_VERSION, ts: formatTs(atMs), ...given };
      this._append(call, call.transcript, turnRow(row, this._policy));
      call.turns += 1;
    }
    if (call.about.endedAtMs !== null) {
      this._stale.add(call);
    }
  }

  _event(call, atMs, word, given) {
    const data = eventData(word, given, this._policy);
    const kept = fields({ type: word }, this._policy).type;
    const type = typeof kept === "string" && kept !== "" ? kept : "event";
    this._append(call, call.events, { schema_version: SCHEMA_VERSION, ts: formatTs(atMs), type, data });
    if (type === "usage") {
      call.about.use(data);
    }
    if (type === "error" && (data.duplicate_of ?? null) === null) {
      call.errors += 1;
      if (data.fatal === true) {
        call.about.fatal = [data.message, data.exception_type].find((word) => typeof word === "string") ?? "unknown";
      }
    }
  }

  _end(call, [, , atMs, given, dropped]) {
    for (const [reason, count] of Object.entries(dropped)) {
      call.lost[reason] = (call.lost[reason] ?? 0) + count;
    }
    call.about.end(JSON.parse(given), atMs);
    this._stale.add(call);
    this._retryAt = 0;
    this._ended.add(call.number);
    if (call.path !== null) {
      this._appender.close(call.transcript);
      this._appender.close(call.events);
    }
    if (this._ended.size > KEPT) {
      const oldest = this._ended.values().next().value;
      this._ended.delete(oldest);
      this._calls.delete(oldest);
    }
  }

  _stop() {
    for (const call of this._calls.values()) {
      if (call.about.endedAtMs === null) {
        call.about.end({ status: "abandoned", reason: "the recorder was closed before the call ended" }, Date.now());
        this._stale.add(call);
      }
      call.retryAt = 0;
    }
    this.settle({ force: true });
    this._appender.closeAll();
    this._calls.clear();
    this._ended.clear();
    if (this._sign !== null) {
      this.beat();
      fs.closeSync(this._sign);
      if (sumOf(this._ledger.lost()) === 0) {
        fs.rmSync(this._signPath(), { force: true });
      }
      this._sign = null;
    }
  }

  /** Have the call's directory; raises when it cannot be made, at most once a second. */
  _open(call) {
    if (call.path !== null) {
      return;
    }
    if (Date.now() < call.retryAt) {
      throw call.why;
    }
    try {
      call.path = claim(call.planned, this._document(call));
    } catch (error) {
      call.retryAt = Date.now() + RETRY_MS;
      call.why = error;
      this._stale.add(call);
      throw error;
    }
    call.transcript = join(call.path, TRANSCRIPT);
    call.events = join(call.path, EVENTS);
    this._placed(call.number, call.path);
  }

  _append(call, path, record) {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    try {
      this._appender.append(path, line);
    } catch (error) {
      if (error.code !== "ENOENT") {
        throw error;
      }
      makeDir(call.path); // somebody removed the directory of a call in progress
      this._appender.append(path, line);
    }
    call.written += 1;
    this._ledger.wrote();
  }

  _keep(call) {
    try {
      this._open(call);
      const document = this._document(call);
      try {
        writeJson(join(call.path, METADATA), document);
      } catch (error) {
        if (error.code !== "ENOENT") {
          throw error;
        }
        makeDir(call.path);
        writeJson(join(call.path, METADATA), document);
      }
      if (call.about.endedAtMs !== null) {
        touchDay(call.path);
      }
      this._stale.delete(call);
    } catch (error) {
      this._retryAt = Date.now() + RETRY_MS;
      if (reasonOf(error) === null) {
        this._stale.delete(call); // bad data of one call must not keep the others from being closed
      }
      this._complain(error, "the metadata of a call cannot be written; it is tried again");
    }
  }

  _document({ about, turns, errors, written, lost }) {
    return about.document({ turns, errors, written, lost });
  }

  _account() {
    const losers = [...this._calls.values()].filter((call) => call.path !== null && sumOf(call.lost) > 0);
    const calls = Object.fromEntries(losers.map((call) => [call.path.split(/[\\/]/u).at(-1), call.lost]));
    return {
      ...(losers.length > 0 ? { calls } : {}),
      writer: this._identity,
      written: this._ledger.written,
      lost: this._ledger.lost(),
      pending: 0,
      open_calls: this.openCalls,
    };
  }

  _lose(call, reason) {
    this._ledger.lose(reason);
    if (call !== undefined) {
      call.lost[reason] = (call.lost[reason] ?? 0) + 1;
      this._stale.add(call);
      this._retryAt = Math.max(this._retryAt, Date.now() + RETRY_MS);
    }
  }

  _complain(error, what) {
    const reason = reasonOf(error);
    const text =
      reason === null
        ? `callscope has an error of its own; the call goes on, what it was writing is lost: ${error?.stack ?? error}`
        : `callscope: ${what} (${error.message}); the calls go on${ADVICE[reason] ?? ""}`;
    this._warn(reason ?? "internal", text);
  }

  _signPath() {
    return join(writersDir(this._root), `${this._identity.id}.json`);
  }
}
