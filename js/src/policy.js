/**
 * What of a call may be written: the policy, applied to rows and single values. Pure.
 *
 * Under `full` the counterpart of `callscope.redaction.policy`, to the byte. Under `off` it keeps the same words off
 * the disk and is stricter with the rest: finding personal data inside of ids and numbers takes libraries that this
 * package does not bring, so what could be a phone's or a card's number goes, whatever it is.
 */

import { isName, kindOf, measureOf, nestedKindOf } from "./keys.js";
import { isMasked, isNumber, redactPhone } from "./phone.js";
import { mask, maskId } from "./secrets.js";
import { put } from "./wire.js";

const MAX_DEPTH = 32;
const TOO_DEEP = "[nested too deeply]";
const PLACEHOLDER = "[secret]";
const SHORTEST_SECRET = 8;
const LONGEST_TOKEN = 128;
const PRIVATE_FROM = 1e6;
const CARDS_FROM = 1e12;
const CARDS_TO = 1e19;
const TOO_LONG = "1000000000000000000";
const MOMENTS = [1, 1e3, 1e6, 1e9];
const TURN_WORDS = new Set(["text", "heard", "user_text", "agent_text"]);
const TOKEN = /^[\p{L}\p{N}_.:/@+#=~%-]*$/u;
const PRIVATE_RUN = /(?<![A-Za-z0-9])\+?\d(?:[-_./:]?\d){6,}(?![A-Za-z0-9])|@/u;

/** A transcript row of either shape; under `off` words are null and `<key>_length` is their length. */
export function turnRow(row, policy) {
  if (policy.transcript === "full") {
    return maskedObject(row, policy, 0, "other");
  }
  return withheldObject(row, policy, 0, (key) => (TURN_WORDS.has(key) ? "words" : kindOf(key)), false);
}

/** An event's data; under `off` only numbers and the tokens under known machine keys are left. */
export function eventData(type, data, policy) {
  if (policy.transcript === "full") {
    return maskedObject(data, policy, 0, "other");
  }
  return withheldObject(data, policy, 0, (key) => kindOf(key, type), false);
}

/** Facts that the operator set, such as labels; under `off` single tokens are kept under any key but a word key. */
export function fields(value, policy) {
  if (policy.transcript === "full") {
    return maskedObject(value, policy, 0, "other");
  }
  return withheldObject(value, policy, 0, kindOf, true);
}

/** One free text, such as an error or an end reason; null under `off`. */
export function words(text, policy) {
  return text === null || policy.transcript === "off" ? null : mask(text);
}

/** A caller's or callee's number or address as the policy allows. */
export function phoneNumber(raw, policy) {
  return redactPhone(raw, policy.phone, policy.hashKey);
}

function maskedObject(data, policy, depth, parent) {
  const kinds = depth > 0 ? within(parent, true) : kindOf;
  const out = {};
  for (const [key, value] of Object.entries(data)) {
    const known = isName(key) ? maskId(key) : mask(key);
    put(out, free(known, out), maskedField(value, kinds(known), policy, depth, known));
  }
  return out;
}

function maskedField(value, kind, policy, depth, key) {
  if (typeof value === "string" && (kind === "words" || kind === "other")) {
    return value.length >= SHORTEST_SECRET ? mask(value) : value;
  }
  if (kind === "secret") {
    return placeholder(value);
  }
  if (typeof value === "string" && kind === "machine") {
    return maskId(value);
  }
  return masked(value, policy, depth, key, kind === "party" ? "party" : "other");
}

function masked(value, policy, depth, key, kind) {
  if (typeof value === "string") {
    return kind === "party" ? party(value, policy) : mask(value);
  }
  if (value === null || typeof value !== "object") {
    return kind === "party" ? partyNumber(value, key, policy) : value;
  }
  if (depth + 1 >= MAX_DEPTH) {
    return TOO_DEEP;
  }
  if (Array.isArray(value)) {
    return value.map((item) => masked(item, policy, depth + 1, key, kind));
  }
  return maskedObject(value, policy, depth + 1, kind);
}

function withheldObject(data, policy, depth, kinds, tokens) {
  const out = {};
  const lengths = {};
  Object.entries(data).forEach(([key, value], index) => {
    const known = free(isName(key) ? maskId(key) : `key_${index}`, out);
    const kept = withheld(value, kinds(key), policy, depth, known, tokens);
    put(out, known, kept);
    if (kept === null && value !== null) {
      put(lengths, `${known}_length`, lengthOf(value));
    }
  });
  return Object.assign(out, lengths);
}

/** The value as it may be written under `off`; null for what may not. */
function withheld(value, kind, policy, depth, key, tokens) {
  if (value === null) {
    return null;
  }
  if (kind === "secret") {
    return placeholder(value);
  }
  if (kind === "words" || kind === "private") {
    return null;
  }
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return withheldText(value, kind, policy, tokens);
    case "number":
      return withheldNumber(value, kind, policy, key);
    default:
      return withheldContainer(value, kind, policy, depth, key, tokens);
  }
}

function withheldText(value, kind, policy, tokens) {
  if (kind === "party" && isNumber(value)) {
    return party(value, policy);
  }
  if (kind === "party" && isMasked(value)) {
    return value;
  }
  const moment = kind === "machine" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/u.test(value);
  if (!isToken(value) || maskId(value) !== value || (PRIVATE_RUN.test(value) && !moment)) {
    return null;
  }
  return kind === "machine" || (tokens && mask(value) === value) ? value : null;
}

function withheldNumber(value, kind, policy, key) {
  if (kind === "party") {
    const known = partyNumber(value, key, policy);
    if (known !== value || policy.phone === "full") {
      return known;
    }
  }
  if (digitsOf(value) === "" || isMeasure(value, key) || (kind === "machine" && isPlausible(value))) {
    return value;
  }
  return null;
}

function withheldContainer(value, kind, policy, depth, key, tokens) {
  if (depth + 1 >= MAX_DEPTH) {
    return null;
  }
  const inherited = kind === "party" || kind === "private" ? kind : "other";
  if (!Array.isArray(value)) {
    return withheldObject(value, policy, depth + 1, within(inherited, false), tokens);
  }
  // Digits of one number may come one by one: together they must not make a private one.
  const digits = value.filter((item) => Number.isInteger(item) && !isMeasure(item, key)).map((item) => String(item));
  const isPieces = inherited === "other" && digits.length > 1 && digits.join("").length >= 7;
  return value.map((item) =>
    isPieces && typeof item === "number" ? null : withheld(item, inherited, policy, depth + 1, key, tokens),
  );
}

/** The kinds of keys in an object of this kind; unless `known`, no key makes a text fit to be written. */
function within(parent, known) {
  return (key) => {
    const kind = nestedKindOf(key);
    const seen = kind === "machine" && !known ? "other" : kind;
    return seen === "other" ? parent : seen;
  };
}

/** What stands for a secret; flags, and the absence of a secret, are none. */
function placeholder(value) {
  return value === null || typeof value === "boolean" || value === "" ? value : PLACEHOLDER;
}

function party(value, policy) {
  return isNumber(value) ? phoneNumber(value, policy) : mask(value);
}

/** A party's number that came as a number; what the name or the size tells to be another stays. */
function partyNumber(value, key, policy) {
  if (typeof value !== "number" || policy.phone === "full") {
    return value;
  }
  const digits = digitsOf(value);
  return digits !== "" && !isMeasure(value, key) ? phoneNumber(digits, policy) : value;
}

/** The digits of a whole number with as many of them as private numbers have; empty for any other number. */
function digitsOf(value) {
  const size = Math.abs(value);
  if (!(size >= PRIVATE_FROM) || !Number.isInteger(size)) {
    return "";
  }
  return size < CARDS_TO ? BigInt(size).toString() : TOO_LONG;
}

function isMeasure(value, key) {
  const measure = measureOf(key);
  return measure === "amount" || (measure === "time" && isMomentSize(Math.abs(value)));
}

function isMomentSize(size) {
  return MOMENTS.some((scale) => size >= 1e9 * scale && size < 3e9 * scale);
}

/** Whether a number under a machine's key is no card's. */
function isPlausible(value) {
  return Math.abs(value) < CARDS_FROM || isMomentSize(Math.abs(value));
}

function isToken(value) {
  return value.length <= LONGEST_TOKEN && TOKEN.test(value);
}

/** The name, or one beside it when two keys became the same. */
function free(key, taken) {
  return Object.hasOwn(taken, key) ? `${key}_${Object.keys(taken).length}` : key;
}

function lengthOf(value) {
  return [...(typeof value === "string" ? value : JSON.stringify(value))].length;
}
