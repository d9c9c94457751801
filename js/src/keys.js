/**
 * What the key of a value tells about the value: words, machinery, a secret, a phone number. Pure.
 *
 * The counterpart of `callscope.redaction.keys`; a test compares the sets of names.
 */

/** Keys whose values programs make. */
export const MACHINE = new Set([
  "call_id", "category", "currency", "direction", "duplicate_of", "encoding", "ended_at", "endpoint", "error_code",
  "exception_type", "fingerprint", "finish_reason", "framework", "id", "initiator", "language", "level", "logger",
  "mode", "model", "outcome", "processor", "provider", "provider_mode", "region", "request_id", "role",
  "schema_version", "service", "session_id", "span_id", "stage", "started_at", "status", "strategy",
  "telephony_provider", "timestamp", "tool_call_id", "trace_id", "transport", "ts", "turn_index", "type", "unit",
  "version", "voice",
]);

/** Keys that may hold words of the conversation. */
export const WORD_KEYS = new Set([
  "arguments", "heard", "message", "reason", "result", "stack", "text",
]);

/** A tool's name, a warning's code; in events of unknown types they may be a person's name and a PIN. */
export const MACHINE_IN_KNOWN_EVENTS = new Set([
  "code", "kind", "name",
]);

/** Types of events that have a meaning. */
export const KNOWN_EVENTS = new Set([
  "agent_backchannel", "agent_connected", "agent_started_speaking", "agent_stopped_speaking", "agent_text",
  "barge_in", "budget", "call_ended", "client_connected", "client_disconnected", "context_summarized", "dtmf",
  "error", "error_recovered", "llm_first_token", "llm_started", "llm_stopped", "metrics", "service_switched",
  "settings_changed", "silence", "stt_mute", "tool_call", "tool_result", "transcript", "tts_first_audio",
  "tts_started", "tts_stopped", "turn_detection", "usage", "user_backchannel", "user_mute_started",
  "user_mute_stopped", "user_started_speaking", "user_stopped_speaking", "user_turn_started", "user_turn_stopped",
  "warning",
]);

/** Numbers or addresses of caller and callee. */
export const PARTIES = new Set([
  "ani", "called", "called_number", "called_via", "callee", "callee_number", "callee_phone", "callee_phone_number",
  "callee_uri", "caller", "caller_id", "caller_number", "caller_phone", "caller_phone_number", "caller_uri",
  "dialed_number", "dialled_number", "dnis", "forwarded_from", "from", "from_formatted", "from_number",
  "from_phone", "from_phone_number", "from_uri", "redirected_from", "remote_number", "remote_party",
  "sip.phone_number", "sip.trunk_phone_number", "sip_from", "sip_to", "to", "to_formatted", "to_number", "to_phone",
  "to_phone_number", "to_uri",
]);

/** Last words of the names of what is measured, counted or paid. */
export const AMOUNTS = new Set([
  "amount", "avg", "bitrate", "bps", "byte", "cent", "char", "character", "chunk", "cost", "count", "delay",
  "duration", "elapsed", "eur", "fee", "frame", "gbp", "hour", "hz", "index", "kb", "latency", "len", "length",
  "limit", "max", "mb", "mean", "median", "microsecond", "millis", "millisecond", "min", "minute", "ms", "nano",
  "nanosecond", "ns", "offset", "p50", "p90", "p95", "p99", "packet", "percent", "pid", "position", "price", "rate",
  "ratio", "report", "request", "s", "sample", "score", "sec", "second", "seed", "seq", "size", "sum", "timeout",
  "token", "total", "ttfb", "ttft", "us", "usd", "version",
]);

/** Last words of the names of moments. */
export const TIMES = new Set([
  "at", "clock", "created", "date", "datetime", "deadline", "end", "ended", "epoch", "exp", "expires", "expiry",
  "iat", "modified", "nbf", "now", "since", "start", "started", "time", "timestamp", "ts", "unix", "until",
  "updated",
]);

/** Units that add up over a call. */
export const UNITS = [
  "input_tokens", "output_tokens", "total_tokens", "cached_tokens", "cache_read_input_tokens",
  "cache_creation_input_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens",
  "cached_audio_tokens", "audio_seconds", "session_seconds", "call_seconds", "characters",
];

const ID_SUFFIXES = ["_id", "_ids", "_sid"];
const SECRET = new RegExp(
  "(?:^|[_.-])(?:(?:api|access|secret|private|auth|signing|encryption|subscription|account)[_.-]?key|apikey|secret" +
    "|(?:client|shared)[_.-]?secret|passwd|password|passphrase|pwd|(?:proxy[_.-])?authorization|credentials?|cookie" +
    "|(?:auth|access|refresh|bearer|api|id|session)?[_.-]?token|apitoken|authtoken|accesstoken)$",
  "u",
);
const PRIVATE = new RegExp(
  "(?:^|_)(?:pin|pin_?code|cvv|cvc|otp|passcode|ssn|social_security(?:_number)?|card_?number|account_?number" +
    "|routing_?number|iban|security_code|verification_code)$",
  "u",
);
const CAMEL = /(?<=[a-z0-9])(?=[A-Z])/gu;
const NAME = /^[A-Za-z_][A-Za-z0-9_.:/-]{0,63}$/u;
const LONGEST_KEY = 128;

/** The kind of a top-level key's value: `words`, `machine`, `secret`, `private`, `party` or `other`. */
export function kindOf(key, eventType = null) {
  if (MACHINE.has(key)) {
    return "machine";
  }
  if (WORD_KEYS.has(key)) {
    return "words";
  }
  if (MACHINE_IN_KNOWN_EVENTS.has(key)) {
    return KNOWN_EVENTS.has(eventType) ? "machine" : "other";
  }
  return nestedKindOf(key);
}

/** The kind of a value deeper down: there anybody's words may be under any name but an id's. */
export function nestedKindOf(key) {
  if (key.length > LONGEST_KEY) {
    return "other";
  }
  const normal = normalOf(key);
  if (PARTIES.has(normal)) {
    return "party";
  }
  if (SECRET.test(normal)) {
    return "secret";
  }
  if (PRIVATE.test(normal)) {
    return "private";
  }
  return ID_SUFFIXES.some((suffix) => normal.endsWith(suffix)) ? "machine" : "other";
}

/** What a number under this key measures: `amount`, `time` or `nothing`. */
export function measureOf(key) {
  if (key.length > LONGEST_KEY) {
    return "nothing";
  }
  const last = normalOf(key).split("_").at(-1);
  for (const word of [last, last.replace(/s$/u, "")]) {
    if (AMOUNTS.has(word)) {
      return "amount";
    }
    if (TIMES.has(word)) {
      return "time";
    }
  }
  return "nothing";
}

/** Whether a key is a name of the kind programs use; others may be anybody's words. */
export function isName(key) {
  return NAME.test(key);
}

/** `callerId`, `Caller-ID` and `caller_id` are one name. */
function normalOf(key) {
  return key.replace(CAMEL, "_").replaceAll("-", "_").toLowerCase();
}
