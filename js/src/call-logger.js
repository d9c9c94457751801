/** The recorder of one process and one archive. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Worker } from "node:worker_threads";

import { CallLog } from "./call-log.js";
import { FLUSH, Ledger, STOP } from "./channel.js";
import { sumOf } from "./envelope.js";
import { makeDir, tryWriting } from "./files.js";
import { PatterMethods } from "./patter.js";
import { callDir } from "./paths.js";
import { drainAtExit, forget } from "./process-end.js";
import { loadSettings, resolveLogRoot } from "./settings.js";
import { Warnings } from "./warnings.js";
import { name } from "./wire.js";

const EXIT_MS = 5_000;
const MEGABYTE = 1_000_000;
const MAX_UNPLACED = 10_000;

/**
 * Keeps calls as plain files under `root`; with `root` null it is off and every method returns at once.
 *
 * A root that cannot be made or written gives one warning and a logger that is off. After construction nothing throws,
 * and nothing waits except `flush` and `close`, whose job it is.
 */
export class CallLogger extends PatterMethods {
  /**
   * @param {string | null} root the archive's directory, made if it is not there; also `auto`
   * @param {import("./index.js").CallLoggerOptions} [options] how to record; the environment tells what is left out
   * @throws {TypeError} an option is none of its allowed values
   */
  constructor(root, options = {}) {
    super();
    this._settings = loadSettings(options);
    this._warnings = new Warnings(options.warn);
    this._root = null;
    this._channel = null;
    try {
      const path = root === null || root === undefined ? null : resolveLogRoot(root);
      if (path === null) {
        return;
      }
      for (const problem of this._settings.problems) {
        this._warnings.add(problem, `callscope: ${problem}`);
      }
      makeDir(path);
      tryWriting(path);
      this._root = path;
      this._channel = new Channel(path, this._settings, this._warnings);
      drainAtExit(this, options.handleSignals ?? true);
    } catch (error) {
      this._root = this._channel = null;
      this._warnings.add("root", `callscope: calls are not recorded: ${root} cannot be written (${error.message})`);
    }
  }

  /** A logger as the environment says: `PATTER_LOG_DIR` and the rest. */
  static fromEnv(options = {}) {
    return new CallLogger(process.env.PATTER_LOG_DIR ?? null, options);
  }

  /** Whether calls are recorded: not without a root, and not after `close`. */
  get enabled() {
    return this._channel !== null && !this._channel.closed;
  }

  /** The archive's directory; null when recording is off. */
  get root() {
    return this._root;
  }

  /** Begin a call and give its handle back. Two calls with one id get two directories. */
  startCall(callId = undefined, options = {}) {
    const id = callId === undefined || callId === null ? `call-${randomBytes(8).toString("hex")}` : nameOf(callId);
    const channel = this._channel;
    if (channel?.closed) {
      this._warnings.add("closed", `callscope: call ${JSON.stringify(id)} begins after close(): it is not recorded`);
    }
    try {
      const number = channel === null ? 0 : channel.next();
      const call = new CallLog(id, number, channel, options ?? {});
      channel?.expect(number, call);
      return call;
    } catch (error) {
      channel?.complain(error);
      return new CallLog(id, 0, null, {});
    }
  }

  /** What was taken, written and lost so far, and what waits: accepted is always written + lost + pending. */
  health() {
    const problems = [...this._settings.problems];
    const channel = this._channel;
    if (channel === null) {
      return { enabled: false, root: null, accepted: 0, written: 0, lost: {}, pending: 0, problems };
    }
    const { ledger, accepted } = channel;
    const written = ledger.written;
    const lost = ledger.lost();
    return {
      enabled: this.enabled,
      root: this._root,
      accepted,
      written,
      lost,
      pending: accepted - written - sumOf(lost),
      problems,
    };
  }

  /** Wait until everything recorded so far is on disk or counted as lost; false when the time was up first. */
  async flush(timeoutMs = EXIT_MS) {
    return this._channel === null ? true : this._channel.await(FLUSH, timeoutMs);
  }

  /** Write what waits and stop. Calls that were not ended are ended as `abandoned`. */
  async close(timeoutMs = EXIT_MS) {
    const channel = this._channel;
    if (channel === null || channel.closed) {
      return true;
    }
    channel.closed = true;
    forget(this);
    const done = await channel.await(STOP, timeoutMs);
    const ended = channel.worker.terminate();
    if (done) {
      await ended; // else its thread may hang in the disk for as long as that does
    }
    return done;
  }

  /** `flush` and `close` for a process that ends: this thread stands still meanwhile. */
  drainSync({ close = false, timeoutMs = EXIT_MS } = {}) {
    const channel = this._channel;
    if (channel === null || channel.closed) {
      return true;
    }
    channel.closed = close;
    return channel.wait(close ? STOP : FLUSH, timeoutMs);
  }
}

/** The way from the caller's thread to the worker's. */
class Channel {
  constructor(root, settings, warnings) {
    this.closed = false;
    this.accepted = 0;
    this.ledger = new Ledger();
    this._root = root;
    this._settings = settings;
    this._warnings = warnings;
    this._orders = 0;
    this._numbers = 0;
    this._unplaced = new Map();
    this._waiting = new Map();
    this._failed = false;
    this.worker = this._start();
  }

  next() {
    this._numbers += 1;
    return this._numbers;
  }

  /** Remember a call until the worker tells where its directory is. */
  expect(number, call) {
    this._unplaced.set(number, new WeakRef(call));
    if (this._unplaced.size > MAX_UNPLACED) {
      this._unplaced.delete(this._unplaced.keys().next().value); // the disk has been failing for long
    }
  }

  planned(callId, startedAtMs) {
    return callDir(this._root, callId, startedAtMs);
  }

  /** Hand one row over, or drop and count it: why it was dropped, else null. */
  offer(message) {
    this.accepted += 1;
    const { bufferRows, bufferMb } = this._settings;
    let reason = null;
    if (this._failed) {
      reason = "writer_failed";
    } else if (this.closed) {
      reason = "closed";
    } else if (this._pending() > bufferRows || this.ledger.waiting > bufferMb * MEGABYTE) {
      reason = "buffer_full";
      this._warnings.add(reason, "callscope: rows are dropped (buffer_full): the disk is slower than the calls");
    }
    if (reason === null) {
      this.ledger.weigh(message[3]);
      this.worker.postMessage(message);
    } else {
      this.ledger.lose(reason);
    }
    return reason;
  }

  /** Hand over what steers (start, update, end): few, so never dropped for want of room. */
  order(message) {
    if (!this.closed && !this._failed) {
      this.worker.postMessage(message);
    }
  }

  /** Count a row that never became one. */
  refuse(error) {
    this.accepted += 1;
    this.ledger.lose("invalid");
    this.complain(error);
  }

  complain(error) {
    this._warnings.add("invalid", `callscope: what a call was told cannot be recorded (${describe(error)})`);
  }

  async await(kind, timeoutMs) {
    if (this._failed) {
      return true;
    }
    const order = this._order(kind, true);
    try {
      return await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), timeoutMs); // it also keeps alive who has nothing else to do
        this._waiting.set(order, (done) => {
          clearTimeout(timer);
          resolve(done);
        });
      });
    } finally {
      this._waiting.delete(order);
    }
  }

  wait(kind, timeoutMs) {
    return this._failed || this.ledger.waitFor(this._order(kind, false), timeoutMs);
  }

  _order(kind, answer) {
    this._orders += 1;
    this.worker.postMessage([kind, 0, this._orders, answer]);
    return this._orders;
  }

  _pending() {
    return this.accepted - this.ledger.written - sumOf(this.ledger.lost());
  }

  _start() {
    const { phone, transcript, hashKey } = this._settings;
    const id = randomBytes(8).toString("hex");
    // No lock tells of this writer's life, as of a Python one's: without host and boot, readers ask the file's age.
    const runtime = `node ${process.version}`;
    const identity = { id, host: null, pid: process.pid, boot: null, machine: hostname(), runtime };
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      execArgv: [],
      name: "callscope-writer",
      workerData: { root: this._root, policy: { phone, transcript, hashKey }, identity, memory: this.ledger.memory },
    });
    worker.on("message", (message) => this._heard(message));
    worker.on("error", (error) => this._fail(error));
    worker.on("exit", () => this.closed || this._fail(new Error("its thread ended")));
    worker.unref();
    return worker;
  }

  _heard([kind, first, second]) {
    if (kind === "warn") {
      this._warnings.add(first, second);
    } else if (kind === "placed") {
      const call = this._unplaced.get(first)?.deref();
      if (call !== undefined) {
        call.path = second;
      }
      this._unplaced.delete(first);
    } else {
      this._waiting.get(first)?.(true);
    }
  }

  /** The thread is gone: what waited is lost and counted, and nothing is taken any more. */
  _fail(error) {
    if (this._failed) {
      return;
    }
    this._failed = true;
    this.ledger.lose("writer_failed", Math.max(0, this._pending()));
    const what = `callscope: its writer failed (${describe(error)}); calls are not recorded any more`;
    this._warnings.add("writer_failed", what);
    for (const answer of this._waiting.values()) {
      answer(false);
    }
  }
}

function describe(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : nameOf(error);
}

function nameOf(value) {
  try {
    return name(value);
  } catch {
    return "unknown"; // what it says itself raises
  }
}
