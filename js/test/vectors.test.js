/** What the Python writer does, to the byte: the vectors that both are held to. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { safeName } from "../src/paths.js";
import { hashed, isNumber, mask } from "../src/phone.js";
import { eventData } from "../src/policy.js";
import * as secrets from "../src/secrets.js";
import { formatTs, parseTs, plain } from "../src/wire.js";

function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), "utf8"));
}

test("an id gets the same directory", () => {
  for (const { call_id: id, name } of vectors("names")) {
    assert.equal(safeName(id), name);
  }
});

test("a number is masked and hashed alike", () => {
  for (const { raw, ...told } of vectors("phones")) {
    assert.equal(mask(raw), told.mask, raw);
    assert.equal(hashed(raw), told.hash_only, raw);
    assert.equal(hashed(raw, "a key"), told.hash_only_keyed, raw);
    assert.equal(isNumber(raw), told.is_number, raw);
  }
});

test("a moment is written and read alike", () => {
  const { format, parse } = vectors("timestamps");
  for (const { ms, text } of format) {
    assert.equal(formatTs(ms), text);
  }
  for (const { value, ms } of parse) {
    assert.equal(parseTs(value), ms, JSON.stringify(value));
  }
});

test("the same secrets are found", () => {
  for (const { text, masked, masked_id: maskedId } of vectors("secrets")) {
    assert.equal(secrets.mask(text), masked);
    assert.equal(secrets.maskId(text), maskedId);
  }
});

test("an object is redacted alike", () => {
  for (const { phone, given, written } of vectors("redaction")) {
    const policy = { phone, transcript: "full", hashKey: "a key" };
    assert.equal(JSON.stringify(eventData("tool_call", plain(given), policy)), JSON.stringify(written));
  }
});
