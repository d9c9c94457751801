/**
 * The methods of the call logger in Patter's TypeScript SDK, so that an application moves over by one import line.
 *
 * They return at once; their promises are there because that logger's are awaited.
 */

import { callDir } from "./paths.js";
import { name } from "./wire.js";

const KEPT = 1_024;

export class PatterMethods {
  constructor() {
    this._openById = new Map();
    this._endedById = new Map();
  }

  /** The directory of a call, null when recording is off; for an unknown id where it would go if it began then. */
  callDir(callId, startedAtSeconds = undefined) {
    if (this.root === null) {
      return null;
    }
    const call = this._find(callId);
    const seconds = typeof startedAtSeconds === "number" && startedAtSeconds >= 0 ? startedAtSeconds : null;
    return call?.path ?? callDir(this.root, idOf(callId), seconds === null ? Date.now() : seconds * 1000);
  }

  /** Begin a call; an id whose call is in progress goes on with it. */
  async logCallStart(callId, options = {}) {
    if (!this.enabled) {
      return;
    }
    const known = this._openById.get(idOf(callId));
    if (known === undefined) {
      this._begin(callId, options);
    } else {
      known.update(options);
    }
  }

  /** Append one transcript row, in Patter's shape or in ours, behind `schema_version` and `ts`. */
  async logTurn(callId, turn) {
    if (this.enabled) {
      this._call(callId).row(turn);
    }
  }

  /** Append one event. */
  async logEvent(callId, type, payload = {}) {
    if (this.enabled) {
      this._call(callId).event(type, payload);
    }
  }

  /** End a call with its figures. */
  async logCallEnd(callId, options = {}) {
    if (!this.enabled) {
      return;
    }
    const { durationSeconds, ...given } = options ?? {};
    const isLength = typeof durationSeconds === "number" && durationSeconds >= 0 && Number.isFinite(durationSeconds);
    const durationMs = isLength ? Math.round(durationSeconds * 10_000) / 10 : undefined;
    const call = this._call(callId);
    call.end({ status: "completed", ...given, durationMs });
    const id = idOf(callId);
    this._openById.delete(id);
    this._endedById.set(id, call);
    if (this._endedById.size > KEPT) {
      this._endedById.delete(this._endedById.keys().next().value);
    }
  }

  _call(callId) {
    return this._find(callId) ?? this._begin(callId, {});
  }

  _find(callId) {
    const id = idOf(callId);
    return this._openById.get(id) ?? this._endedById.get(id);
  }

  _begin(callId, options) {
    const id = idOf(callId);
    const call = this.startCall(id, options);
    this._endedById.delete(id);
    this._openById.set(id, call);
    return call;
  }
}

function idOf(callId) {
  try {
    return name(callId);
  } catch {
    return "unknown"; // what it says itself raises
  }
}
