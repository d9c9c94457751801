import assert from "node:assert/strict";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { CallLogger, resolveLogRoot } from "../src/index.js";
import { callDirs, metadata, names, rows, run, temporary } from "./archive.js";

function logger(t, root, options = {}) {
  const told = [];
  const made = new CallLogger(root, { warn: (text) => told.push(text), handleSignals: false, ...options });
  t.after(() => made.close());
  return Object.assign(made, { told });
}

test("without a root nothing is recorded", async (t) => {
  const off = logger(t, null);
  const call = off.startCall("CA1");
  call.turn("user", "hello");
  call.end();
  await off.logCallStart("CA2");
  await off.logTurn("CA2", {});

  assert.equal(off.enabled, false);
  assert.equal(off.callDir("CA2"), null);
  assert.equal(await off.flush(), true);
  assert.deepEqual(off.health().accepted, 0);
});

test("the root comes from the environment as with the Python writer", () => {
  assert.equal(resolveLogRoot(undefined, {}), null);
  assert.equal(resolveLogRoot(undefined, { PATTER_LOG_DIR: "  " }), null);
  assert.equal(resolveLogRoot(undefined, { PATTER_LOG_DIR: "/var/calls" }), "/var/calls");
  assert.match(resolveLogRoot("~/calls"), /^\/.*\/calls$/);
  assert.equal(resolveLogRoot("AUTO", { XDG_DATA_HOME: "/data", LOCALAPPDATA: "/data" }).endsWith("patter"), true);
});

test("a call is on disk after a flush, and in order", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1", { caller: "+15551234567", labels: { environment: "prod" } });
  call.turn("user", "Where is it?");
  call.event("tool_call", { name: "lookup" });
  call.turn("assistant", "It was sent.", { interrupted: true, heard: "It was" });
  call.update({ agent: { model: "gpt-4.1" } });
  await calls.flush();

  assert.equal(metadata(call.path).status, "in_progress");
  assert.equal(metadata(call.path).caller, "***4567");
  assert.deepEqual(metadata(call.path).agent, { model: "gpt-4.1" });
  assert.deepEqual(rows(call.path).map((row) => row.turn_index), [0, 1]);
  assert.equal(rows(call.path)[1].heard, "It was");

  call.end({ reason: "the caller hung up" });
  call.turn("user", "late");
  await calls.flush();
  const { status, turns, callscope } = metadata(call.path);
  assert.deepEqual([status, turns, callscope.written], ["completed", 3, 4]);
  assert.deepEqual(names(call.path), ["events.jsonl", "metadata.json", "transcript.jsonl"]);
});

test("two calls with one id get two directories, and an id cannot leave the archive", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  for (const id of ["CA1", "CA1", "../../../etc", ""]) {
    calls.startCall(id).end();
  }
  await calls.flush();

  assert.equal(callDirs(root).length, 4);
  const ids = callDirs(root).map((directory) => metadata(directory).call_id);
  assert.deepEqual(ids.sort(), ["", "../../../etc", "CA1", "CA1"]);
});

test("Patter's methods find a call by its id", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  await calls.logCallStart("CA1", { caller: "+15551234567", telephonyProvider: "twilio", agent: { model: "m" } });
  await calls.logTurn("CA1", { turn_index: 0, user_text: "hello", agent_text: "hi", timestamp: 1_795_253_400.25 });
  await calls.logEvent("CA1", "barge_in", { turn_index: 0, bargein_ms: null });
  await calls.logCallEnd("CA1", { durationSeconds: 12.34, turns: 1, cost: { total: 0.01 }, error: "timeout" });
  await calls.logTurn("CA1", { turn_index: 1, user_text: "late", agent_text: "" });
  await calls.flush();

  const directory = calls.callDir("CA1");
  const { status, duration_ms: durationMs, cost, error } = metadata(directory);
  assert.deepEqual([status, durationMs, cost, error], ["failed", 12_340, { total: 0.01 }, "timeout"]);
  assert.equal(rows(directory)[0].ts, "2026-11-21T09:30:00.250Z");
  assert.equal(rows(directory).length, 2);
});

test("off keeps words off the disk, and their length on it", async (t) => {
  const root = temporary();
  const calls = logger(t, root, { transcript: "off" });
  const call = calls.startCall("CA1", { agent: { model: "gpt-4.1", prompt: "be nice to Bob" } });
  call.turn("user", "my card is 4111 1111 1111 1111");
  call.event("tool_result", { name: "lookup", tool_call_id: "c1", result: { name: "Bob" }, duration_ms: 1_234_567 });
  call.event("own", { note: "Bob", id: "call-15551234567", digits: [4111, 1111, 1111], code: 4_111_111_111_111_111 });
  call.error(new Error("Bob is not here"), { stage: "llm" });
  call.end({ error: "Bob", reason: "Bob left" });
  await calls.flush();

  const written = names(call.path).map((name) => readFileSync(join(call.path, name), "utf8"));
  assert.doesNotMatch(written.join(""), /Bob|4111|5551234567/);
  assert.equal(rows(call.path)[0].text_length, 30);
  assert.deepEqual(rows(call.path, "events.jsonl")[0].data, {
    name: "lookup", tool_call_id: "c1", result: null, duration_ms: 1_234_567, result_length: 14,
  });
  assert.equal(metadata(call.path).error, "withheld by the transcript policy");
  assert.equal(metadata(call.path).agent.model, "gpt-4.1");
});

test("redact is refused: no words, said once", async (t) => {
  const root = temporary();
  const calls = logger(t, root, { transcript: "redact" });
  const call = calls.startCall("CA1");
  call.turn("user", "call me at 555 123 4567");
  await calls.flush();

  assert.equal(rows(call.path)[0].text, null);
  assert.equal(metadata(call.path).callscope.privacy.transcript, "off");
  assert.equal(calls.told.filter((text) => text.includes("needs the Python package")).length, 1);
});

test("a word that is not understood is never the default; as an argument it is an error", async (t) => {
  const root = temporary();
  process.env.PATTER_LOG_REDACT_PHONE = "masked";
  process.env.PATTER_LOG_TRANSCRIPT = "none";
  t.after(() => {
    delete process.env.PATTER_LOG_REDACT_PHONE;
    delete process.env.PATTER_LOG_TRANSCRIPT;
  });
  const calls = logger(t, root);
  const call = calls.startCall("CA1", { caller: "+15551234567" });
  call.turn("user", "secret words");
  await calls.flush();

  assert.equal(metadata(call.path).caller, "***4567");
  assert.equal(rows(call.path)[0].text, null);
  assert.equal(calls.told.length, 2);
  assert.throws(() => new CallLogger(root, { phone: "masked" }), /write one of mask, full, hash_only/);
});

test("hostile values neither throw nor break a row", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1");
  const circle = {};
  circle.self = circle;
  const bomb = { get boom() { throw new Error("no"); } };
  call.turn("user", "lone \ud800 \u2028 \n");
  call.turn(Symbol("role"), { toString() { throw new Error("no"); } });
  call.event("circle", circle);
  call.event("numbers", { big: 2n ** 70n, nan: Number.NaN, when: new Date(0), map: new Map([[1, new Set([2])]]) });
  call.event("code", { run() {} });
  call.event("bomb", bomb);
  call.event("proto", JSON.parse('{"__proto__": {"x": 1}}'));
  call.event({ toString() { throw new Error("no"); } }, "text");
  call.row(null);
  call.turn("user", "still here");
  call.end(null);
  calls.startCall({ toString() { throw new Error("no"); } }).end();
  await calls.flush();

  const { accepted, written, lost, pending } = calls.health();
  assert.equal(pending, 0);
  assert.equal(written + lost.invalid, accepted);
  assert.equal(rows(call.path)[0].text, "lone \ufffd \u2028 \n");
  assert.equal(rows(call.path).at(-1).text, "still here");
  assert.deepEqual(metadata(call.path).callscope.lost, { invalid: lost.invalid });
  const proto = rows(call.path, "events.jsonl").find((row) => row.type === "proto");
  assert.equal(Object.hasOwn(proto.data, "__proto__"), true);
});

test("a torn line that another process left harms no row", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1");
  await calls.flush();
  appendFileSync(join(call.path, "transcript.jsonl"), '{"schema_version":"1.0","ts":"20');
  call.turn("user", "whole");
  await calls.flush();

  const lines = readFileSync(join(call.path, "transcript.jsonl"), "utf8").split("\n");
  assert.equal(JSON.parse(lines[1]).text, "whole");
});

test("a directory that somebody removed comes back", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1");
  await calls.flush();
  rmSync(call.path, { recursive: true });
  call.turn("user", "hello");
  call.end();
  await calls.flush();

  assert.equal(metadata(call.path).status, "completed");
  assert.equal(rows(call.path).length, 1);
});

test("a root that cannot be written gives one warning and a logger that is off", (t) => {
  const root = temporary();
  mkdirSync(join(root, ".."), { recursive: true });
  writeFileSync(root, "a file");
  const calls = logger(t, root);
  calls.startCall("CA1").turn("user", "hello");

  assert.equal(calls.enabled, false);
  assert.equal(calls.told.length, 1);
});

test("rows beyond the bound are dropped and counted", async (t) => {
  const root = temporary();
  const calls = logger(t, root, { bufferRows: 100 });
  const call = calls.startCall("CA1");
  for (let number = 0; number < 20_000; number += 1) {
    call.event("flood", { number });
  }
  call.end();
  await calls.flush(20_000);

  const { accepted, written, lost, pending } = calls.health();
  assert.deepEqual([accepted, pending], [20_000, 0]);
  assert.ok(lost.buffer_full > 0);
  assert.equal(written + lost.buffer_full, accepted);
  assert.equal(rows(call.path, "events.jsonl").length, written);
  assert.deepEqual(metadata(call.path).callscope.lost, { buffer_full: lost.buffer_full });
});

test("many calls at once keep their rows in order", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const made = Array.from({ length: 300 }, (_, number) => calls.startCall(`call-${number}`));
  for (let turn = 0; turn < 10; turn += 1) {
    for (const call of made) {
      call.turn("user", `turn ${turn}`);
    }
  }
  for (const call of made) {
    call.end();
  }
  await calls.flush(20_000);

  for (const call of made) {
    assert.deepEqual(rows(call.path).map((row) => row.turn_index), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(metadata(call.path).status, "completed");
  }
});

const mayWriteAnywhere = process.getuid?.() === 0 && "root may write everywhere";

test("a permission that is taken away loses rows, and counts them", { skip: mayWriteAnywhere }, async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1");
  await calls.flush();
  chmodSync(call.path, 0o500);
  call.turn("user", "hello");
  await calls.flush();
  chmodSync(call.path, 0o700);

  assert.deepEqual(calls.health().lost, { permission: 1 });
});

test("after close nothing is taken, and it is counted", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1");
  assert.equal(await calls.close(), true);
  call.turn("user", "late");

  assert.equal(calls.enabled, false);
  assert.deepEqual(calls.health().lost, { closed: 1 });
  assert.equal(metadata(call.path).status, "abandoned");
});

test("a process that ends writes everything first", () => {
  const root = temporary();
  const { status, stderr } = run(root, `
    const call = CallLogger.fromEnv().startCall("CA1");
    for (let turn = 0; turn < 2000; turn += 1) call.turn("user", "turn " + turn);
    process.exit(7);`);

  assert.equal(status, 7, stderr);
  assert.equal(rows(callDirs(root)[0]).length, 2000);
  assert.equal(metadata(callDirs(root)[0]).status, "abandoned");
  assert.equal(existsSync(join(root, ".callscope", "writers")) && names(join(root, ".callscope", "writers")).length, 0);
});

test("a logger does not keep its process alive", () => {
  const root = temporary();
  const { status } = run(root, `CallLogger.fromEnv().startCall("CA1").end();`);

  assert.equal(status, 0);
  assert.equal(metadata(callDirs(root)[0]).status, "completed");
});

test("a process that has nothing else to do waits for its flush", () => {
  const root = temporary();
  const { status, stdout } = run(root, `
    const logger = CallLogger.fromEnv();
    logger.startCall("CA1").end();
    console.log(await logger.flush(), await logger.close());`);

  assert.equal(status, 0);
  assert.equal(stdout, "true true\n");
});

test("a writer whose thread is gone loses what comes after, counts it, and says so", async (t) => {
  const root = temporary();
  const calls = logger(t, root);
  const call = calls.startCall("CA1");
  call.turn("user", "hello");
  await calls.flush();
  await calls._channel.worker.terminate();
  call.turn("user", "lost");

  assert.deepEqual(calls.health().lost, { writer_failed: 1 });
  assert.equal(calls.health().pending, 0);
  assert.equal(await calls.flush(), true);
  assert.match(calls.told[0], /not recorded any more/);
});

test("an error that nobody catches ends the process as ever, with everything written", () => {
  const root = temporary();
  const { status } = run(root, `CallLogger.fromEnv().startCall("CA1").turn("user", "hello"); throw new Error("boom");`);

  assert.equal(status, 1);
  assert.equal(rows(callDirs(root)[0]).length, 1);
});

test("SIGTERM ends the process as it would have, with everything written", () => {
  const root = temporary();
  const { signal } = run(root, `
    const call = CallLogger.fromEnv().startCall("CA1");
    for (let turn = 0; turn < 2000; turn += 1) call.turn("user", "turn " + turn);
    setInterval(() => {}, 1000);
    process.kill(process.pid, "SIGTERM");`);

  assert.equal(signal, "SIGTERM");
  assert.equal(rows(callDirs(root)[0]).length, 2000);
});

test("where the application listens to SIGTERM, it decides", () => {
  const root = temporary();
  const { status } = run(root, `
    const logger = CallLogger.fromEnv();
    const call = logger.startCall("CA1");
    process.on("SIGTERM", async () => {
      call.turn("user", "after");
      call.end();
      await logger.close();
      process.exit(3);
    });
    setInterval(() => {}, 1000);
    process.kill(process.pid, "SIGTERM");`);

  assert.equal(status, 3);
  assert.equal(metadata(callDirs(root)[0]).status, "completed");
});

test("a killed process loses nothing that was on its way a while before", () => {
  const root = temporary();
  const { signal } = run(root, `
    const logger = CallLogger.fromEnv();
    const call = logger.startCall("CA1");
    for (let turn = 0; turn < 500; turn += 1) call.turn("user", "turn " + turn);
    await logger.flush();
    for (let turn = 0; turn < 5000; turn += 1) call.event("more", { turn });
    process.kill(process.pid, "SIGKILL");`);

  assert.equal(signal, "SIGKILL");
  assert.equal(rows(callDirs(root)[0]).length, 500);
  assert.equal(metadata(callDirs(root)[0]).status, "in_progress");
});
