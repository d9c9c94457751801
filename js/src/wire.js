/**
 * The wire form: times as text and back, values that JSON can hold. Pure.
 *
 * The counterpart of `callscope.model.wire`; tests/vectors holds the two together.
 */

const MAX_DEPTH = 32;
const LAST_MS = 253_402_300_799_999;
const EPOCH_MS_FROM = 100_000_000_000;
const LONGEST_NAME = 1000;
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:.(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/su;

/** Unix milliseconds as `2026-11-21T09:30:00.250Z`; moments outside the years 1970 to 9999 are clamped. */
export function formatTs(ms) {
  return new Date(Math.min(Math.max(Math.trunc(ms), 0), LAST_MS)).toISOString();
}

/** Whether a number is a moment in Unix milliseconds. */
export function isMoment(ms) {
  return typeof ms === "number" && ms >= 0 && ms <= LAST_MS;
}

/** Unix milliseconds of a time as any writer may give it (text, seconds or milliseconds); null when it is no time. */
export function parseTs(value) {
  if (typeof value === "number") {
    if (!(value >= 0 && value <= LAST_MS)) {
      return null;
    }
    const ms = value >= EPOCH_MS_FROM ? value : value * 1000;
    return ms <= LAST_MS ? roundEven(ms) : null;
  }
  const found = typeof value === "string" ? ISO.exec(value.trim()) : null;
  return found === null ? null : momentOf(found);
}

function momentOf(found) {
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0));
  const start = new Date(0);
  start.setUTCFullYear(year, month - 1, day);
  if (year === 0 || start.getUTCMonth() !== month - 1 || start.getUTCDate() !== day) {
    return null;
  }
  if (hour > 23 || minute > 59 || second > 59) {
    return null;
  }
  const micros = Number((found[7] ?? "").slice(0, 6).padEnd(6, "0"));
  const ms = start.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 - offsetMs(found[8]) + micros / 1000;
  const rounded = roundEven(ms);
  return rounded >= 0 && rounded <= LAST_MS ? rounded : null;
}

function offsetMs(zone) {
  if (zone === undefined || zone === "Z") {
    return 0;
  }
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone[0] === "-" ? -minutes : minutes) * 60_000;
}

/** Halves go to the even neighbour, as Python rounds. */
function roundEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) {
    return rest < 0.5 ? floor : floor + 1;
  }
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * A copy that JSON can hold, made at once: the caller may change its object right after.
 *
 * Lone surrogates become U+FFFD; NaN and infinities null; whole numbers beyond 2^53 (bigint) and functions text; bytes
 * text; dates their ISO form; what is nested deeper than 32 (circular data among it) a remark. Getters may raise.
 */
export function plain(value, depth = 0) {
  switch (typeof value) {
    case "string":
      return value.toWellFormed();
    case "number":
      return Number.isFinite(value) ? value : null;
    case "boolean":
      return value;
    case "undefined":
      return null;
    case "bigint":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "object":
      return value === null ? null : plainObject(value, depth);
    default:
      return shorten(String(value));
  }
}

function plainObject(value, depth) {
  if (depth >= MAX_DEPTH) {
    return "[nested too deeply]";
  }
  if (Array.isArray(value) || value instanceof Set) {
    return Array.from(value, (item) => plain(item, depth + 1));
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? null : value.toISOString();
  }
  if (value instanceof Error) {
    return shorten(`${value.name}: ${value.message}`);
  }
  if (value instanceof Uint8Array) {
    return new TextDecoder().decode(value);
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return `<${value.constructor.name}>`;
  }
  if (typeof value.toJSON === "function") {
    return plain(value.toJSON(), depth + 1);
  }
  const copy = {};
  const entries = value instanceof Map ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) {
    if (item !== undefined) {
      put(copy, String(key).toWellFormed(), plain(item, depth + 1));
    }
  }
  return copy;
}

/** Set a key as data: `__proto__` is a name like any other. */
export function put(object, key, value) {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

/** Anything as text for a name: an id, a word. */
export function name(value) {
  return typeof value === "string" ? value.toWellFormed() : String(plain(value));
}

function shorten(text) {
  const whole = text.toWellFormed();
  return whole.length <= LONGEST_NAME ? whole : `${whole.slice(0, LONGEST_NAME)}…`.toWellFormed();
}
