/** Phone numbers of caller and callee: the last four digits, a hash, or as they are. Pure. */

import { createHash, createHmac } from "node:crypto";

const KEPT = 4;
const MASKED = /^\*\*\*.{0,4}$/su;
const HASHED = /^sha256:[0-9a-f]{16}$/u;
const NAMED = /^[^<>]*<([^<>]*)>[^<>]*$/u;
const SCHEME = /^(?:tel|sips?|whatsapp|sms|callto):/iu;
const AFTER_USER = /[@;?].*/su;
const NUMBER = /^[+\uff0b(]*\p{Nd}[\p{Nd}\s().\-/\u00a0\u2010-\u2015]*$/u;
const TRUNK = /\(0\)/gu;
const ABROAD = /^00([1-9]\d{6,14})$/u;
const NORTH_AMERICAN = /^1?([2-9]\d{9})$/u;
const DATE = /^\d{4}[-/.]\d\d?[-/.]\d\d?$/u;
const DIGIT = /\p{Nd}/u;
const SHORTEST_NUMBER = 7;
const MAX_CHARACTERS = 64;

/** A number or address as the mode (`mask`, `full`, `hash_only`) allows; an empty string stays empty. */
export function redactPhone(raw, mode, key = null) {
  if (mode === "full") {
    return raw;
  }
  return mode === "hash_only" ? hashed(raw, key) : mask(raw);
}

/** `***` and the last four digits of a number, the last four characters of anything else. */
export function mask(raw) {
  if (raw === "" || MASKED.test(raw)) {
    return raw;
  }
  const shown = [...(digitsOf(raw) || addressOf(raw))];
  return `***${shown.length > KEPT ? shown.slice(-KEPT).join("") : ""}`;
}

/** `sha256:` and 16 hexadecimal digits of the number with its country code; with a key it is HMAC-SHA256. */
export function hashed(raw, key = null) {
  if (raw === "" || HASHED.test(raw)) {
    return raw;
  }
  const normal = international(raw) || addressOf(raw).toLowerCase();
  const digest = key ? createHmac("sha256", key) : createHash("sha256");
  return `sha256:${digest.update(normal, "utf8").digest("hex").slice(0, 16)}`;
}

/** Whether this is a `tel:` or `sip:` address, or is written as a number of some length and is no date. */
export function isNumber(raw) {
  return SCHEME.test(addressOf(raw)) || (digitsOf(raw).length >= SHORTEST_NUMBER && !DATE.test(raw));
}

/** Whether this is what `mask` or `hashed` leaves of a number. */
export function isMasked(raw) {
  return MASKED.test(raw) || HASHED.test(raw);
}

function addressOf(raw) {
  const named = lengthOf(raw) <= MAX_CHARACTERS * 4 ? NAMED.exec(raw) : null;
  return (named === null ? raw : named[1]).trim();
}

function written(raw) {
  if (lengthOf(raw) > MAX_CHARACTERS * 4) {
    return "";
  }
  const text = addressOf(raw).replace(SCHEME, "").replace(AFTER_USER, "").trim();
  return lengthOf(text) <= MAX_CHARACTERS && NUMBER.test(text) ? text : "";
}

/** The ASCII digits of what is written as a phone number; empty for anything else. */
function digitsOf(raw) {
  return asciiDigits(written(raw));
}

function asciiDigits(text) {
  let digits = "";
  for (const char of text) {
    if (DIGIT.test(char)) {
      digits += valueOf(char);
    }
  }
  return digits;
}

/** A digit of any script; each script has its ten in one row, some several such rows. */
function valueOf(char) {
  const code = char.codePointAt(0);
  let first = code;
  while (DIGIT.test(String.fromCodePoint(first - 1))) {
    first -= 1;
  }
  return (code - first) % 10;
}

function international(raw) {
  const text = written(raw);
  const begin = text.replace(/^\(+/u, "")[0];
  const isInternational = begin === "+" || begin === "\uff0b";
  const digits = asciiDigits(isInternational ? text.replace(TRUNK, "") : text);
  if (isInternational) {
    return `+${digits}`;
  }
  const abroad = ABROAD.exec(digits);
  if (abroad !== null) {
    return `+${abroad[1]}`;
  }
  const american = NORTH_AMERICAN.exec(digits);
  return american === null ? digits : `+1${american[1]}`;
}

function lengthOf(text) {
  return text.length <= MAX_CHARACTERS ? text.length : [...text].length;
}
