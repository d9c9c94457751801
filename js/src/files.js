/**
 * Files on disk: whole documents put in place in one step, rows appended by one write of one line each.
 *
 * Synchronous, because only the worker's thread calls it. Nothing is forced to the platter. Everything that is written
 * is readable by its owner only. See `callscope.archive.replace` and `callscope.archive.append`, which say why.
 */

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";

import { METADATA } from "./paths.js";

const DIR_MODE = 0o700;
const FILE_MODE = 0o600;
const MAX_OPEN = 256;
const MAX_TWINS = 10_000;
const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDWR, O_WRONLY } = fs.constants;
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "ENOSYS", "EMLINK", "EACCES"]);
const FULL = new Set(["ENOSPC", "EDQUOT"]);
const NEWLINE = Buffer.from("\n");

/** Make a directory and its parents; what exists is left as it is. */
export function makeDir(path) {
  fs.mkdirSync(path, { recursive: true, mode: DIR_MODE });
}

/** Raise when files cannot be made in a directory. A disk that is full now may have room later. */
export function tryWriting(directory) {
  const probe = join(directory, `.tmp.${randomBytes(6).toString("hex")}.probe`);
  try {
    fs.closeSync(fs.openSync(probe, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE));
  } catch (error) {
    if (!FULL.has(error.code)) {
      throw error;
    }
  }
  remove(probe);
}

/** Write a JSON document and put it in place; with `exclusive`, raise `EEXIST` where the file exists. */
export function writeJson(path, document, { exclusive = false } = {}) {
  const temporary = join(dirname(path), `.tmp.${randomBytes(6).toString("hex")}.json`);
  const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
  try {
    try {
      writeAll(fd, Buffer.from(`${JSON.stringify(document, null, 2)}\n`));
    } finally {
      fs.closeSync(fd);
    }
    if (exclusive) {
      link(temporary, path);
    } else {
      fs.renameSync(temporary, path);
    }
  } finally {
    remove(temporary);
  }
}

/**
 * Make a call's directory its own by putting its first metadata there, and give the directory back.
 *
 * Where another call has the name, `~2`, `~3` and so on are tried; the file's own exclusive creation decides.
 */
export function claim(directory, document) {
  for (let number = 1; number < MAX_TWINS; number += 1) {
    const candidate = number === 1 ? directory : join(dirname(directory), `${basename(directory)}~${number}`);
    if (isLink(candidate) || fs.existsSync(join(candidate, METADATA))) {
      continue;
    }
    makeDir(candidate);
    try {
      writeJson(join(candidate, METADATA), document, { exclusive: true });
      return candidate;
    } catch (error) {
      if (error.code !== "EEXIST") {
        throw error;
      }
    }
  }
  throw Object.assign(new Error("too many calls with one id on one day"), { code: "EEXIST", path: directory });
}

/** Show who looks at the day's directory alone that a call in it changed after its end. */
export function touchDay(call) {
  try {
    const now = new Date();
    fs.utimesSync(dirname(call), now, now);
  } catch {
    // The directory is another's, or gone: readers then find the change a little later.
  }
}

/** Write all of a buffer; a full disk first gives a short write, then the error. */
export function writeAll(fd, data) {
  for (let written = 0; written < data.length; ) {
    written += fs.writeSync(fd, data, written);
  }
}

/** Appends lines to many files; the least recently used descriptor is closed. */
export class Appender {
  /** @param {(fd: number, data: Buffer, from: number) => number} write what puts bytes into a descriptor */
  constructor(write = (fd, data, from) => fs.writeSync(fd, data, from)) {
    this._write = write;
    this._fds = new Map();
    this._torn = new Set();
  }

  /** Append one line, which ends in a newline and has none before; when it raises, the row is not in the file. */
  append(path, line) {
    const fd = this._open(path);
    const guarded = this._torn.has(path) ? Buffer.concat([NEWLINE, line]) : line;
    let written = 0;
    try {
      while (written < guarded.length) {
        const more = this._write(fd, guarded, written);
        if (more <= 0) {
          throw Object.assign(new Error("no space left on device"), { code: "ENOSPC", path });
        }
        written += more;
      }
    } catch (error) {
      this._undo(path, fd, guarded.subarray(0, written));
      throw error;
    }
    this._torn.delete(path);
  }

  /** Close one file's descriptor, if it is open. */
  close(path) {
    const fd = this._fds.get(path);
    this._fds.delete(path);
    this._torn.delete(path);
    if (fd !== undefined) {
      fs.closeSync(fd);
    }
  }

  /** Close every descriptor. */
  closeAll() {
    for (const path of [...this._fds.keys()]) {
      this.close(path);
    }
  }

  /** Close files that somebody removed: rows in them are nowhere, and the next row makes a new one. */
  closeRemoved() {
    for (const [path, fd] of [...this._fds]) {
      if (fs.fstatSync(fd).nlink === 0) {
        this.close(path);
      }
    }
  }

  _open(path) {
    let fd = this._fds.get(path);
    if (fd !== undefined) {
      this._fds.delete(path);
      this._fds.set(path, fd);
      return fd;
    }
    while (this._fds.size >= MAX_OPEN) {
      this.close(this._fds.keys().next().value);
    }
    fd = fs.openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, FILE_MODE);
    const status = fs.fstatSync(fd);
    if (!status.isFile()) {
      fs.closeSync(fd);
      throw Object.assign(new Error("not a regular file"), { code: "EINVAL", path });
    }
    if (!endsInNewline(fd, status.size)) {
      this._torn.add(path);
    }
    this._fds.set(path, fd);
    return fd;
  }

  /** Take back a part of a row where it is still the end of the file; else the next row needs a newline. */
  _undo(path, fd, part) {
    if (part.length === 0) {
      return;
    }
    this._torn.add(path);
    const before = fs.fstatSync(fd).size - part.length;
    const there = Buffer.alloc(part.length);
    if (before < 0 || fs.readSync(fd, there, 0, part.length, before) !== part.length || !there.equals(part)) {
      return;
    }
    fs.ftruncateSync(fd, before);
    if (endsInNewline(fd, before)) {
      this._torn.delete(path);
    }
  }
}

function endsInNewline(fd, size) {
  const last = Buffer.alloc(1);
  return size === 0 || (fs.readSync(fd, last, 0, 1, size - 1) === 1 && last.equals(NEWLINE));
}

function link(temporary, path) {
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    if (!NO_LINKS.has(error.code)) {
      throw error;
    }
    // File systems without hard links: two steps, which matters only for two starts of one id in one instant.
    if (fs.existsSync(path)) {
      throw Object.assign(new Error("exists"), { code: "EEXIST", path });
    }
    fs.renameSync(temporary, path);
  }
}

function isLink(path) {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function remove(path) {
  try {
    fs.unlinkSync(path);
  } catch {
    // It was put in place, or never made.
  }
}
