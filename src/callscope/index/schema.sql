-- What the index holds. Made from the files of an archive, and made again when it is deleted.
-- Times are Unix milliseconds, money is US dollars, unknown is NULL.

-- Facts about the index itself: 'root', 'schema', 'search' (the full-text tables there are), 'refreshed_at_ms'.
CREATE TABLE about (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The day directories as they were last read.
CREATE TABLE day (
    name TEXT PRIMARY KEY,              -- 2026-11-21
    mtime_ns INTEGER NOT NULL,          -- of the directory when its calls were listed; 0: still dirty
    calls INTEGER NOT NULL              -- how many calls it held
) WITHOUT ROWID;

-- One row a call.
CREATE TABLE call (
    id INTEGER PRIMARY KEY,             -- (started_at in seconds since 2020) * 4096 + k: in the order of time
    path TEXT NOT NULL UNIQUE,          -- 2026/11/21/<name>, below <root>/calls
    call_id TEXT NOT NULL,              -- as given by the caller of the recorder
    started_at_ms INTEGER NOT NULL,     -- the first moment of its day when the call does not say
    ended_at_ms INTEGER,
    duration_ms REAL,
    status TEXT NOT NULL,               -- in_progress, completed, failed, no_answer, busy, canceled, abandoned, unreadable
    end_reason TEXT,
    error TEXT,
    direction TEXT,
    caller TEXT,                        -- redacted as the policy said when the call was recorded
    callee TEXT,
    trace_id TEXT,
    telephony_provider TEXT,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    turns INTEGER,
    exchanges INTEGER NOT NULL,         -- greetings are not counted
    unanswered INTEGER NOT NULL,        -- exchanges in which the caller heard nothing back
    interruptions INTEGER NOT NULL,     -- answers that the caller cut off
    errors INTEGER NOT NULL,
    p50_ms REAL,                        -- response latency of this call
    p95_ms REAL,
    p99_ms REAL,
    worst_ms REAL,
    cost_usd REAL,                      -- the sum of what is known; a lower bound where unpriced > 0
    cost_status TEXT,                   -- priced, estimated, partial, unpriced, not_billed, error
    unpriced INTEGER NOT NULL,          -- cost lines without an amount
    lost INTEGER NOT NULL,              -- rows that the recorder could not write
    has_recording INTEGER NOT NULL,
    problems INTEGER NOT NULL,          -- rows of problem
    stamp TEXT NOT NULL                 -- what the files looked like when they were read: see refresh.py
);
CREATE INDEX call_by_start ON call (started_at_ms, id);
CREATE INDEX call_by_status ON call (status, started_at_ms);
CREATE INDEX call_by_dimensions ON call (dimensions, started_at_ms);
CREATE INDEX call_by_call_id ON call (call_id COLLATE NOCASE);
CREATE INDEX call_by_cost ON call (cost_usd, id);
CREATE INDEX call_by_p95 ON call (p95_ms, id);
CREATE INDEX call_by_worst ON call (worst_ms, id);
CREATE INDEX call_by_duration ON call (duration_ms, id);
CREATE INDEX call_by_ended ON call (ended_at_ms, id);
CREATE INDEX call_by_turns ON call (turns, id);
CREATE INDEX call_by_exchanges ON call (exchanges, id);
CREATE INDEX call_by_p50 ON call (p50_ms, id);
CREATE INDEX call_by_p99 ON call (p99_ms, id);
CREATE INDEX call_by_unanswered ON call (unanswered, id) WHERE unanswered > 0;
CREATE INDEX call_by_interruptions ON call (interruptions, id) WHERE interruptions > 0;
CREATE INDEX call_by_errors ON call (errors, id) WHERE errors > 0;
CREATE INDEX call_by_caller ON call (caller);
CREATE INDEX call_by_error ON call (error) WHERE error IS NOT NULL;

-- What calls are told apart by in trends: one row for each combination that occurs.
CREATE TABLE dimensions (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,                -- the agent's name; '' when unknown, as with all of these
    version TEXT NOT NULL,              -- label agent_version (or version)
    provider TEXT NOT NULL,             -- of the agent's model
    model TEXT NOT NULL,
    mode TEXT NOT NULL,                 -- provider_mode: pipeline, realtime, ...
    status TEXT NOT NULL,
    environment TEXT NOT NULL,          -- label environment (or env)
    UNIQUE (agent, version, provider, model, mode, status, environment)
);

-- The labels that the user set.
CREATE TABLE label (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                -- text as it is, anything else as JSON
    PRIMARY KEY (call, name)
) WITHOUT ROWID;
CREATE INDEX label_by_value ON label (name, value COLLATE NOCASE, call);

-- One row a turn.
CREATE TABLE turn (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,               -- place in the order of speaking, from 0
    turn_index INTEGER,                 -- as the writer counted it
    ts_ms INTEGER,
    role TEXT NOT NULL,
    text TEXT,                          -- NULL when the policy kept it off the disk
    heard TEXT,
    interrupted INTEGER NOT NULL,
    duration_ms REAL,
    cost_usd REAL,
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- One row an exchange: a caller's turn and the answer to it.
CREATE TABLE exchange (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,                 -- greeting or exchange
    started_at_ms INTEGER NOT NULL,
    answered_at_ms INTEGER,
    response_ms INTEGER,                -- what the caller waited
    silence_ms INTEGER,                 -- how long nothing was heard, of an exchange without an answer
    interrupted INTEGER NOT NULL,
    endpointing_ms INTEGER,             -- the parts of response_ms by stage; a stage that did not occur is NULL
    transcription_ms INTEGER,
    turn_detection_ms INTEGER,
    handover_ms INTEGER,
    llm_ms INTEGER,
    tool_ms INTEGER,
    aggregation_ms INTEGER,
    synthesis_ms INTEGER,
    output_ms INTEGER,
    unexplained_ms INTEGER,
    user_turn_index INTEGER,
    agent_turn_index INTEGER,
    tools TEXT,                         -- names of the tools called, a JSON array
    parts TEXT,                         -- the waterfall, a JSON array of callscope.model.exchange.Part
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- One row an event, in the order they were written.
CREATE TABLE event (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    ts_ms INTEGER,
    type TEXT NOT NULL,
    data TEXT NOT NULL,                 -- JSON
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- The tools that a call used.
CREATE TABLE tool (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (call, name)
) WITHOUT ROWID;
CREATE INDEX tool_by_name ON tool (name COLLATE NOCASE, call);

-- What was used, summed by service, provider and model.
CREATE TABLE usage (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    provider TEXT NOT NULL,             -- '' when unknown
    model TEXT NOT NULL,                -- '' when unknown
    reports INTEGER NOT NULL,
    unreported_requests INTEGER NOT NULL,
    units TEXT NOT NULL,                -- JSON object: quantity by unit
    PRIMARY KEY (call, service, provider, model)
) WITHOUT ROWID;
CREATE INDEX usage_by_provider ON usage (provider COLLATE NOCASE, call);
CREATE INDEX usage_by_model ON usage (model COLLATE NOCASE, call);

-- What it cost: the cost lines of the call.
CREATE TABLE cost_line (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    service TEXT NOT NULL,
    provider TEXT NOT NULL,             -- '' when unknown
    model TEXT NOT NULL,                -- '' when unknown
    status TEXT NOT NULL,
    unit TEXT,
    quantity REAL,
    amount REAL,                        -- in currency
    currency TEXT NOT NULL,
    usd REAL,                           -- NULL: not known, which is not 0
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;
CREATE INDEX cost_line_by_provider ON cost_line (provider COLLATE NOCASE, call);
CREATE INDEX cost_line_by_model ON cost_line (model COLLATE NOCASE, call);

-- One row an error: an event that is no duplicate of another, or the one in the envelope of another writer's call.
CREATE TABLE error (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,               -- of the event; -1: of the envelope
    ts_ms INTEGER,
    fingerprint TEXT NOT NULL,          -- of provider, stage, type and message without its variable parts
    pattern TEXT NOT NULL,              -- the message without its variable parts
    message TEXT NOT NULL,
    stage TEXT NOT NULL,                -- '' when unknown, as with the next three
    provider TEXT NOT NULL,
    exception_type TEXT NOT NULL,
    category TEXT NOT NULL,
    recovered INTEGER NOT NULL,
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;
CREATE INDEX error_by_fingerprint ON error (fingerprint COLLATE NOCASE, call);

-- What could not be read as it should be.
CREATE TABLE problem (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    file TEXT NOT NULL,
    line INTEGER,
    message TEXT NOT NULL,
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- Words to search: a turn's text, a tool's arguments and result, the message of an error or of a tool that failed.
CREATE TABLE document (
    id INTEGER PRIMARY KEY,             -- call << 20 | n
    kind TEXT NOT NULL,                 -- user, assistant, system, tool (turns), arguments, result, error
    seq INTEGER NOT NULL,               -- of the turn, or of the event; -1: of the envelope
    text TEXT NOT NULL
);

-- Substrings of any script, three characters and longer.
CREATE VIRTUAL TABLE document_trigram USING fts5 (
    text, content = 'document', content_rowid = 'id', tokenize = 'trigram', detail = 'full'
);

-- Words, with ranking.
CREATE VIRTUAL TABLE document_word USING fts5 (
    text, content = 'document', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

-- Sums by hour, for each combination of dimensions. An hour is that in which a call began.
CREATE TABLE hour (
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    calls INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    turns INTEGER NOT NULL,
    exchanges INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    calls_with_errors INTEGER NOT NULL,
    cost_usd REAL NOT NULL,             -- the sum of what is known
    unpriced_calls INTEGER NOT NULL,    -- calls whose cost is not known, or not whole
    histograms BLOB NOT NULL,           -- response latency and each stage: see histogram.py
    PRIMARY KEY (start_ms, dimensions)
) WITHOUT ROWID;

-- Hours whose sums are not those of their calls, because a first build is under way.
CREATE TABLE dirty_hour (
    start_ms INTEGER PRIMARY KEY
);

-- The same as hour by UTC day.
CREATE TABLE day_sum (
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    calls INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    turns INTEGER NOT NULL,
    exchanges INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    calls_with_errors INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    histograms BLOB NOT NULL,
    PRIMARY KEY (start_ms, dimensions)
) WITHOUT ROWID;

-- For people: calls with their dimensions, and times that read as times.
CREATE VIEW calls AS
SELECT
    call.*, strftime('%Y-%m-%dT%H:%M:%SZ', started_at_ms / 1000, 'unixepoch') AS started_at,
    d.agent, d.version, d.provider, d.model, d.mode, d.environment
FROM call JOIN dimensions AS d ON d.id = call.dimensions;

CREATE VIEW turns AS
SELECT call.call_id, call.path, turn.*
FROM turn JOIN call ON call.id = turn.call;

CREATE VIEW exchanges AS
SELECT call.call_id, call.path, exchange.*
FROM exchange JOIN call ON call.id = exchange.call;

CREATE VIEW errors AS
SELECT call.call_id, call.path, error.*
FROM error JOIN call ON call.id = error.call;
