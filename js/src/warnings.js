/** Says each thing once a minute, with how often it happened since. */

const MINUTE_MS = 60_000;
const MAX_CAUSES = 256;

export class Warnings {
  /** @param {(text: string) => void} [say] `process.emitWarning` when left out */
  constructor(say = (text) => process.emitWarning(text, "CallscopeWarning")) {
    this._say = say;
    this._causes = new Map();
  }

  add(cause, text) {
    const known = this._causes.get(cause);
    const now = Date.now();
    if (known !== undefined && now - known.toldAt < MINUTE_MS) {
      known.more += 1;
      return;
    }
    if (this._causes.size >= MAX_CAUSES) {
      this._causes.clear();
    }
    this._causes.set(cause, { toldAt: now, more: 0 });
    try {
      this._say(known?.more > 0 ? `${text} (${known.more} times before)` : text);
    } catch {
      // The application's own function failed; a warning must not.
    }
  }
}
