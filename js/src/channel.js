/** What the caller's thread and the worker share: kinds of messages, and the counters of the ledger. */

export const START = 0;
export const UPDATE = 1;
export const TURN = 2;
export const ROW = 3;
export const EVENT = 4;
export const END = 5;
export const FLUSH = 6;
export const STOP = 7;

/** Why rows are lost, in the words of the ledger. */
export const REASONS = [
  "buffer_full", "closed", "disk_full", "file_too_large", "invalid", "io_error", "permission", "writer_failed",
];

const BYTES = 8;
const WRITTEN = 0;
const FLUSHED = 1;
const LOST = 2;

/** Counters in memory that both threads see; each is exact at every moment. */
export class Ledger {
  /** @param {SharedArrayBuffer} memory of an existing ledger; a new one when left out */
  constructor(memory = new SharedArrayBuffer(BYTES + 4 * (LOST + REASONS.length))) {
    this.memory = memory;
    this._bytes = new BigInt64Array(memory, 0, 1);
    this._counts = new Int32Array(memory, BYTES);
  }

  /** Characters of content that wait: added to by the caller's thread, taken from by the worker's. */
  get waiting() {
    return Number(Atomics.load(this._bytes, 0));
  }

  weigh(characters) {
    Atomics.add(this._bytes, 0, BigInt(characters));
  }

  get written() {
    return Atomics.load(this._counts, WRITTEN);
  }

  wrote() {
    Atomics.add(this._counts, WRITTEN, 1);
  }

  lose(reason, count = 1) {
    Atomics.add(this._counts, LOST + REASONS.indexOf(reason), count);
  }

  /** Rows lost so far, by reason; those of none are left out. */
  lost() {
    const counts = REASONS.map((reason, place) => [reason, Atomics.load(this._counts, LOST + place)]);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** Say that everything up to an order is on disk or counted. */
  flushed(order) {
    Atomics.store(this._counts, FLUSHED, order);
    Atomics.notify(this._counts, FLUSHED);
  }

  /** Wait until the worker has said so, while this thread stands still: for a process that ends. */
  waitFor(order, timeoutMs) {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const seen = Atomics.load(this._counts, FLUSHED);
      const left = until - Date.now();
      if (seen >= order || left <= 0) {
        return seen >= order;
      }
      Atomics.wait(this._counts, FLUSHED, seen, left);
    }
  }
}
