/** Archives of tests: made in the system's place for temporary files, and looked at. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const made = [];

// Not after each test: a test's own hooks run in their order, and a writer that is closed later than the directory
// is deleted makes it again.
after(() => {
  for (const root of made) {
    rmSync(root, { recursive: true, force: true });
  }
});

/** A directory that is gone after the tests of a file. */
export function temporary() {
  const root = mkdtempSync(join(tmpdir(), "callscope-"));
  made.push(root);
  return join(root, "archive");
}

/** The directories of an archive's calls, in the order of their paths. */
export function callDirs(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === "metadata.json")
    .map((entry) => entry.parentPath ?? entry.path)
    .sort();
}

export function metadata(directory) {
  return JSON.parse(readFileSync(join(directory, "metadata.json"), "utf8"));
}

export function rows(directory, name = "transcript.jsonl") {
  const lines = readFileSync(join(directory, name), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** What is in a directory. */
export function names(directory) {
  return readdirSync(directory).sort();
}

/** Run a program of its own with an archive, and give back how it ended. */
export function run(root, source, { env = {}, ...options } = {}) {
  const { href } = new URL("../src/index.js", import.meta.url);
  const program = `import { CallLogger } from ${JSON.stringify(href)};\n${source}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, PATTER_LOG_DIR: root, ...env },
    encoding: "utf8",
    timeout: 30_000,
    ...options,
  });
}
