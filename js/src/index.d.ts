/** callscope's writer for Node: calls as plain files, in the format that callscope reads. See docs/typescript.md. */

export type PhoneMode = "mask" | "full" | "hash_only";
/** `redact` needs the Python package: here it keeps words off the disk as `off` does, and says so. */
export type TranscriptMode = "full" | "redact" | "off";
export type Status = "completed" | "failed" | "no_answer" | "busy" | "canceled" | "abandoned";
export type Role = "user" | "assistant" | "system" | "tool" | (string & {});
/** Any value: what JSON cannot hold is made plain. */
export type Data = Record<string, unknown>;

export interface CallLoggerOptions {
  /** How caller and callee are written; `PATTER_LOG_REDACT_PHONE`, else `mask`. */
  phone?: PhoneMode;
  /** Key of `hash_only`; `PATTER_LOG_HASH_KEY`. */
  hashKey?: string;
  /** What of the words is written; `PATTER_LOG_TRANSCRIPT`, else `full`. */
  transcript?: TranscriptMode;
  /** Rows that may wait for the disk; `CALLSCOPE_BUFFER_ROWS`, else 600000. */
  bufferRows?: number;
  /** Megabytes (million characters) that may wait; `CALLSCOPE_BUFFER_MB`, else 256. */
  bufferMb?: number;
  /** Whether SIGTERM, SIGINT and SIGHUP write what waits first; true when left out. */
  handleSignals?: boolean;
  /** Takes warnings, each once a minute; `process.emitWarning` when left out. */
  warn?: (text: string) => void;
}

export interface Moment {
  /** Unix milliseconds of the thing itself; now when left out. */
  atMs?: number;
}

export interface CallFields {
  caller?: string;
  callee?: string;
  direction?: "inbound" | "outbound" | (string & {});
  telephonyProvider?: string;
  providerMode?: string;
  agent?: Data;
  traceId?: string | null;
  labels?: Data;
  framework?: { name: string; version?: string } & Data;
}

export interface TurnOptions extends Moment {
  /** 0-based place in the call; counted when left out. */
  turnIndex?: number;
  durationMs?: number;
  /** Milliseconds by name; `response_ms` is what the caller waited. */
  latency?: Data;
  /** US dollars by part. */
  cost?: Data;
  /** The caller cut it off. */
  interrupted?: boolean;
  /** The part of the text that was played, when it was cut off. */
  heard?: string;
}

export interface UsageOptions extends Moment {
  provider?: string | null;
  model?: string | null;
  /** What was spoken: its length is kept, its words are not. */
  text?: string;
  /** Quantities as providers bill them: `input_tokens`, `audio_seconds`, `characters`, ... */
  [unit: string]: unknown;
}

export interface ErrorOptions extends Moment {
  stage?: string;
  provider?: string;
  category?: string;
  recovered?: boolean;
  /** It ended the conversation: the call is failed. */
  fatal?: boolean;
  [fact: string]: unknown;
}

export interface EndOptions extends Moment {
  /** `completed` when left out, `failed` with an error. */
  status?: Status;
  error?: Error | string | null;
  /** How it ended, in words. */
  reason?: string;
  durationMs?: number;
  turns?: number;
  /** US dollars by part, with `total`. */
  cost?: Data | null;
  latency?: Data | null;
  recordingPath?: string;
}

export interface Health {
  enabled: boolean;
  root: string | null;
  /** Always written + lost + pending. */
  accepted: number;
  written: number;
  lost: Record<string, number>;
  pending: number;
  /** What of the settings was not understood, and what was done instead. */
  problems: string[];
}

/** One call being recorded; made by `CallLogger.startCall`. Nothing throws or waits. */
export class CallLog {
  private constructor();
  readonly callId: string;
  readonly startedAtMs: number;
  readonly ended: boolean;
  readonly enabled: boolean;
  /** The call's directory; null when recording is off. Until it is made, the place that will be tried first. */
  readonly path: string | null;
  turn(role: Role, text: string | null, options?: TurnOptions): void;
  event(type: string, data?: Data | null, options?: Moment): void;
  usage(service: string, options?: UsageOptions): void;
  error(error: unknown, options?: ErrorOptions): void;
  /** A transcript row in another writer's shape, as it is given. */
  row(row: Data, options?: Moment): void;
  update(fields: CallFields): void;
  end(options?: EndOptions): void;
}

/** Keeps calls as plain files; with `root` null or blank it is off and every method returns at once. */
export class CallLogger {
  /** @throws {TypeError} an option is none of its allowed values */
  constructor(root: string | null, options?: CallLoggerOptions);
  /** As the environment says: off unless `PATTER_LOG_DIR` is set. */
  static fromEnv(options?: CallLoggerOptions): CallLogger;
  readonly enabled: boolean;
  readonly root: string | null;
  startCall(callId?: string | null, options?: CallFields & Moment): CallLog;
  health(): Health;
  /** False when the time was up before everything was on disk or counted as lost. */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Write what waits and stop; calls that were not ended are ended as `abandoned`. */
  close(timeoutMs?: number): Promise<boolean>;
  /** `flush` or `close` for a process that ends: the thread stands still meanwhile. */
  drainSync(options?: { close?: boolean; timeoutMs?: number }): boolean;

  // The methods of Patter's logger of the same name.
  callDir(callId: string, startedAtSeconds?: number): string | null;
  logCallStart(callId: string, options?: CallFields): Promise<void>;
  logTurn(callId: string, turn: Data): Promise<void>;
  logEvent(callId: string, type: string, payload?: Data): Promise<void>;
  logCallEnd(callId: string, options?: EndOptions & { durationSeconds?: number }): Promise<void>;
}

/** The directory that calls are kept in, or null when recording is off. Reads `PATTER_LOG_DIR` unless given. */
export function resolveLogRoot(explicit?: string | null): string | null;
export const SCHEMA_VERSION: string;
export const VERSION: string;
