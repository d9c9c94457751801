/** The worker's side with a disk that fails, in this thread. */

import assert from "node:assert/strict";
import fs, { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { END, EVENT, Ledger, START, TURN } from "../src/channel.js";
import { makeDir } from "../src/files.js";
import { callDir } from "../src/paths.js";
import { Writer } from "../src/writer.js";
import { metadata, rows, temporary } from "./archive.js";

const AT_MS = 1_795_253_400_250;

class Disk {
  constructor() {
    this.room = Number.POSITIVE_INFINITY;
  }

  write(fd, data, from) {
    const length = Math.min(data.length - from, this.room);
    this.room -= length;
    if (length === 0) {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
    return fs.writeSync(fd, data, from, length);
  }
}

function started(t) {
  const root = temporary();
  makeDir(root);
  const disk = new Disk();
  const told = [];
  const ledger = new Ledger();
  const writer = new Writer({
    root,
    policy: { phone: "mask", transcript: "full", hashKey: null },
    identity: { id: "w1" },
    ledger,
    warn: (cause, text) => told.push([cause, text]),
    write: (fd, data, from) => disk.write(fd, data, from),
  });
  const path = callDir(root, "CA1", AT_MS);
  writer.take([START, 1, AT_MS, "CA1", path, "{}"]);
  return { disk, ledger, path, told, writer };
}

function say(writer, text) {
  writer.take([TURN, 1, AT_MS, 200, JSON.stringify({ role: "user", text, latency: null, cost: null }), null]);
}

test("a full disk takes back the part of a row that it took, and goes on when there is room", (t) => {
  const { disk, ledger, path, told, writer } = started(t);
  say(writer, "first");
  disk.room = 40;
  say(writer, "lost");
  say(writer, "lost, too");
  disk.room = Number.POSITIVE_INFINITY;
  say(writer, "last");
  writer.take([END, 1, AT_MS + 1000, "{}", {}]);
  writer.settle({ force: true });

  assert.deepEqual(rows(path).map((row) => row.text), ["first", "last"]);
  assert.deepEqual(ledger.lost(), { disk_full: 2 });
  assert.deepEqual(metadata(path).callscope.lost, { disk_full: 2 });
  assert.equal(metadata(path).callscope.accepted, 4);
  assert.match(told[0][1], /make room/);
});

test("where the part of a row cannot be taken back, the next row stands on a line of its own", (t) => {
  const { disk, path, writer } = started(t);
  say(writer, "first");
  disk.room = 40;
  const truncate = t.mock.method(fs, "ftruncateSync", () => {
    throw Object.assign(new Error("read-only"), { code: "EROFS" });
  });
  say(writer, "lost");
  truncate.mock.restore();
  disk.room = Number.POSITIVE_INFINITY;
  say(writer, "last");

  const lines = readFileSync(join(path, "transcript.jsonl"), "utf8").split("\n");
  assert.equal(lines.length, 4);
  assert.equal(JSON.parse(lines[2]).text, "last");
});

test("data that an older sender left out is lost and counted, and the thread goes on", (t) => {
  const { ledger, path, told, writer } = started(t);
  writer.take([EVENT, 1, AT_MS, 200, "no JSON", "type"]);
  say(writer, "still here");

  assert.deepEqual(ledger.lost(), { invalid: 1 });
  assert.equal(rows(path).length, 1);
  assert.match(told[0][1], /an error of its own/);
});

test("metadata that cannot be written is tried again", (t) => {
  const { path, writer } = started(t);
  const rename = t.mock.method(fs, "renameSync", () => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  });
  writer.take([END, 1, AT_MS + 1000, "{}", {}]);
  assert.equal(writer.settle({ force: true }), false);
  assert.equal(metadata(path).status, "in_progress");

  rename.mock.restore();
  assert.equal(writer.settle({ force: true }), true);
  assert.equal(metadata(path).status, "completed");
  assert.deepEqual(fs.readdirSync(path), ["metadata.json"]);
});

test("a writer that lives says so, with its ledger", (t) => {
  const { path, writer } = started(t);
  say(writer, "hello");
  writer.beat();

  const root = path.split("/calls/")[0];
  const sign = JSON.parse(readFileSync(join(root, ".callscope", "writers", "w1.json"), "utf8"));
  assert.deepEqual([sign.written, sign.open_calls, sign.lost], [1, 1, {}]);
});
