/**
 * Settings, and the only place that reads the environment. The variables are those of the Python package.
 *
 * A value that is not understood is never taken for the default: the safest one is used, and `problems` says so.
 * Given as an argument, it raises.
 */

import { homedir } from "node:os";
import { join, resolve } from "node:path";

const PHONE_MODES = ["mask", "full", "hash_only"];
const TRANSCRIPT_MODES = ["full", "redact", "off"];
const MOST = 10 ** 9;
const NO_REDACT =
  "transcript=redact: finding personal data in words needs the Python package; " +
  "no words are written, as with off (secrets are masked and lengths kept)";

/**
 * How calls are recorded: arguments first, then the environment.
 *
 * @throws {TypeError} an argument is none of its allowed values
 */
export function loadSettings(given = {}, env = process.env) {
  const problems = [];
  const phone = choice("phone", given.phone, "PATTER_LOG_REDACT_PHONE", PHONE_MODES, "mask", "mask", env, problems);
  let transcript = choice(
    "transcript", given.transcript, "PATTER_LOG_TRANSCRIPT", TRANSCRIPT_MODES, "full", "off", env, problems,
  );
  if (transcript === "redact") {
    transcript = "off";
    problems.push(NO_REDACT);
  }
  return {
    phone,
    transcript,
    hashKey: (given.hashKey ?? env.PATTER_LOG_HASH_KEY) || null,
    bufferRows: whole("bufferRows", given.bufferRows, "CALLSCOPE_BUFFER_ROWS", 600_000, env, problems),
    bufferMb: whole("bufferMb", given.bufferMb, "CALLSCOPE_BUFFER_MB", 256, env, problems),
    problems,
  };
}

/**
 * The directory that calls are kept in, or null when recording is off: for an unset, empty or blank value.
 *
 * @param {string | null | undefined} explicit a path or `auto`; when left out, `PATTER_LOG_DIR` is read
 */
export function resolveLogRoot(explicit = undefined, env = process.env) {
  const word = String(explicit ?? env.PATTER_LOG_DIR ?? "").trim();
  if (word === "") {
    return null;
  }
  if (word.toLowerCase() === "auto") {
    return platformRoot(env);
  }
  if (word === "~" || word.startsWith("~/")) {
    return resolve(homedir(), word.slice(2));
  }
  if (word.startsWith("~")) {
    throw new TypeError(`${word} is no directory: write a path without ~, or with ~/ for your own home`);
  }
  return resolve(word);
}

function platformRoot(env) {
  if (process.platform === "darwin") {
    return join(homedir(), "Library", "Application Support", "patter");
  }
  if (process.platform === "win32") {
    return join(env.LOCALAPPDATA || join(homedir(), "AppData", "Local"), "patter");
  }
  return join(env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "patter");
}

function choice(setting, given, variable, allowed, usual, safest, env, problems) {
  if (given !== undefined) {
    if (!allowed.includes(given)) {
      throw new TypeError(`${setting} is ${JSON.stringify(given)}: write one of ${allowed.join(", ")}`);
    }
    return given;
  }
  const word = (env[variable] ?? "").trim().toLowerCase();
  if (word === "" || allowed.includes(word)) {
    return word || usual;
  }
  problems.push(`${variable}=${JSON.stringify(env[variable])} is none of ${allowed.join(", ")}: ${safest} is used`);
  return safest;
}

function whole(setting, given, variable, usual, env, problems) {
  if (given !== undefined) {
    if (!Number.isInteger(given) || given < 1 || given > MOST) {
      throw new TypeError(`${setting} is ${JSON.stringify(given)}: give a whole number from 1 to ${MOST}`);
    }
    return given;
  }
  const word = (env[variable] ?? "").trim();
  if (word === "") {
    return usual;
  }
  const value = /^\d{1,10}$/u.test(word) ? Number(word) : 0;
  if (value >= 1 && value <= MOST) {
    return value;
  }
  problems.push(`${variable}=${JSON.stringify(word)} is no whole number from 1 to ${MOST}: ${usual} is used`);
  return usual;
}
