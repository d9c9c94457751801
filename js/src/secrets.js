/**
 * Keys, tokens and passwords inside texts: masked under every policy. Pure.
 *
 * The counterpart of `callscope.redaction.secrets`, pattern by pattern; tests/vectors holds the two together.
 */

const PLACEHOLDER = "[secret]";
const SHORTEST = 8;
const LONG_WORD = 16;
const SIEVED = 4096;
const GLANCES = 8;
const NAMED_WITHIN = 24;
const TELLING = ["key", "token", "secret", "pass", "pwd", "auth", "cred", "sig", "cookie"];
const S = "[ \\t\\n\\r\\f\\v]";
const NO_VALUE = " \\t\\n\\r\\f\\v'\"&,;\\\\";
const GUARD = "(?!\\[[a-z]{3,7}\\])";
/** An optional scheme before a secret, taken as a whole or not at all. */
const scheme = (words) => `(?=(?<scheme>(?:(?:${words})${S}{1,8})?))\\k<scheme>`;

const KNOWN = new RegExp(
  "(?<![A-Za-z0-9])(?<found>" +
    "(?:sk|pk|rk|ek|csk|gsk|pcsk|key|xai|nvapi|tvly|dop_v1|whsec|shpat|glpat|pypi|npm|hf|r8|fw|dg|lin_api)" +
    "[-_](?=[A-Za-z_-]{0,99}[0-9])[A-Za-z0-9_-]{12,}" +
    "|gh[opsur]_[A-Za-z0-9]{16,}" +
    "|github_pat_[A-Za-z0-9_]{16,}" +
    "|x(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}" +
    "|AIza[A-Za-z0-9_-]{30,}" +
    "|(?:AKIA|ASIA|AROA|AGPA)[A-Z0-9]{16}(?![A-Za-z0-9])" +
    "|SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}" +
    "|ya29\\.[A-Za-z0-9_-]{16,}" +
    "|SK[0-9a-f]{32}(?![A-Za-z0-9])" +
    "|eyJ[A-Za-z0-9_-]{6,}\\.[A-Za-z0-9_-]{4,}(?:\\.[A-Za-z0-9_-]*)*" +
    ")",
  "dg",
);
const KNOWN_BEGINS = new Set([
  "sk", "pk", "rk", "ek", "cs", "gs", "pc", "ke", "xa", "nv", "tv", "do", "wh", "sh", "gl", "py",
  "np", "hf", "r8", "fw", "dg", "li", "gh", "gi", "xo", "AI", "AK", "AS", "AR", "AG", "SG", "ya",
  "SK", "ey",
]);
const BEARER = new RegExp(
  `\\bBearer${S}{1,8}(?=[A-Za-z._~+/=-]{0,99}[0-9])(?<found>[A-Za-z0-9._~+/=-]{8,})`,
  "dgi",
);
const HEADER = new RegExp(
  `\\b(?:proxy-)?authorization\\\\?['"]?${S}{0,4}[:=,]${S}{0,4}(?:b(?=['"]))?\\\\?['"]?` +
    `${scheme("bearer|basic|token|digest|apikey|key")}${GUARD}(?<found>[^ \\t\\n\\r\\f\\v'",;\\\\]{3,})`,
  "dgi",
);
const URL_PASSWORD = /:\/\/[^ \t\n\r\f\v/@:'"]{0,256}:(?!\[secret\]@)(?<found>[^ \t\n\r\f\v/@'"]{1,512})@/dg;
const PASSWORD = new RegExp(
  `(?:passw(?:or)?d|passphrase|pwd)\\\\?['"]?${S}{0,4}[:=]${S}{0,4}\\\\?['"]?${GUARD}(?<found>[^${NO_VALUE}]{3,})`,
  "dgi",
);
const ASSIGNED = new RegExp(
  `(?:key|secret|token|signature|credentials?|cookie)(?:${S}provided|${S}is|${S}was)?` +
    `\\\\?['"]?${S}{0,4}[:=]${S}{0,4}\\\\?['"]?${scheme("bearer|basic|token")}${GUARD}` +
    `(?=[^${NO_VALUE}]{0,99}[0-9]|[^${NO_VALUE}]{16})(?<found>[^${NO_VALUE}]{6,})`,
  "dgi",
);
const HEX = new RegExp(
  "(?<![A-Za-z0-9_-])(?=[0-9]{0,99}[A-Fa-f])(?=[A-Fa-f]{0,99}[0-9])" +
    "(?<found>[0-9a-f]{32,}|[0-9A-F]{32,})(?![A-Za-z0-9])",
  "dg",
);
const OPAQUE = new RegExp(
  "(?<![A-Za-z0-9_+/.-])(?!(?:call|chatcmpl|resp|req|msg|run|toolu|item|event|thread)[-_])" +
    "(?=[a-z0-9_-]{0,99}[A-Z])(?=[A-Z0-9_-]{0,99}[a-z])(?=(?:[A-Za-z_-]{0,99}[0-9]){3})(?<found>[A-Za-z0-9_-]{36,})",
  "dg",
);
const BASE64 = new RegExp(
  "(?<![A-Za-z0-9+/._-])(?=[a-z0-9+/]{0,39}[A-Z])(?=[A-Z0-9+/]{0,39}[a-z])(?=[A-Za-z+/]{0,39}[0-9])" +
    "(?<found>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/._-])",
  "dg",
);
const CERTAIN = [KNOWN, BEARER, HEADER, URL_PASSWORD, PASSWORD, ASSIGNED];
/** Long tokens without a mark of what they are; not looked for where an id is expected. */
const GUESSED = [HEX, OPAQUE, BASE64];
const NAMED_ID = /(?:\bid|_id|sid|uuid|trace|span|request|session|commit)['"]?\s{0,2}[:=]?\s{0,2}['"]?$/i;
const KEY_BEGIN = "-----BEGIN ";
const KEY_END = "-----END ";

/** The text with every secret as `[secret]`. */
export function mask(text) {
  if (text.length < SHORTEST || !isSuspicious(text)) {
    return text;
  }
  let masked = text;
  for (let glance = 0; glance < GLANCES; glance += 1) {
    const next = replaced(masked, [...certain(masked), ...guessed(masked), ...keyBlocks(masked)]);
    if (next === masked) {
      break;
    }
    masked = next;
  }
  return masked;
}

/** Like `mask`, for the value of an id: a long random token is expected there and stays. */
export function maskId(text) {
  const suspicious =
    KNOWN_BEGINS.has(text.slice(0, 2)) || text.includes(" ") || text.includes("=") || text.includes("://");
  return suspicious ? replaced(text, [...certain(text), ...keyBlocks(text)]) : text;
}

/** Two sieves that keep this cheap for the texts that calls are made of; false is certain. */
function isSuspicious(text) {
  if (/AKIA|ASIA|PRIVATE KEY|uthorization/.test(text)) {
    return true;
  }
  if (!/[0-9:=_]/.test(text)) {
    return false;
  }
  if (text.length > SIEVED || text.split(/\s+/u).some((word) => [...word].length >= LONG_WORD)) {
    return true;
  }
  if (!text.includes(":") && !text.includes("=")) {
    return false;
  }
  const lower = text.toLowerCase();
  return TELLING.some((name) => lower.includes(name));
}

function* certain(text) {
  for (const pattern of CERTAIN) {
    for (const match of text.matchAll(pattern)) {
      yield match.indices.groups.found;
    }
  }
}

function* guessed(text) {
  for (const pattern of GUESSED) {
    for (const match of text.matchAll(pattern)) {
      const [start] = match.indices.groups.found;
      if (!NAMED_ID.test(text.slice(Math.max(0, start - NAMED_WITHIN), start))) {
        yield match.indices.groups.found;
      }
    }
  }
}

/** Private keys in PEM form; one without an end reaches to the end of the text. */
function* keyBlocks(text) {
  let start = text.indexOf(KEY_BEGIN);
  while (start >= 0) {
    const head = text.indexOf("-----", start + KEY_BEGIN.length);
    let stop = start + KEY_BEGIN.length;
    if (head >= 0 && head < stop + 64 && text.slice(start, head).includes("PRIVATE KEY")) {
      const end = text.indexOf(KEY_END, head);
      const closed = end >= 0 ? text.indexOf("-----", end + KEY_END.length) : -1;
      stop = closed >= 0 ? closed + 5 : text.length;
      yield [start, stop];
    }
    start = text.indexOf(KEY_BEGIN, stop);
  }
}

function replaced(text, spans) {
  let result = "";
  let done = 0;
  let last = null;
  const united = [];
  for (const [start, end] of spans.sort((one, other) => one[0] - other[0] || one[1] - other[1])) {
    if (last !== null && start < last[1]) {
      last[1] = Math.max(last[1], end);
    } else {
      last = [start, end];
      united.push(last);
    }
  }
  for (const [start, end] of united) {
    result += text.slice(done, start) + PLACEHOLDER;
    done = end;
  }
  return united.length === 0 ? text : result + text.slice(done);
}
