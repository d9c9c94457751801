-- What the index holds. Made from the files of an archive, and made again when it is deleted.
-- Times are Unix milliseconds, money is US dollars, unknown is NULL.

-- Facts about the index itself: 'root', 'refreshed_at_ms', 'search' ('off': without document_trigram), 'changes' (how many
-- transactions changed a call: another number, another content).
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
    event_types INTEGER REFERENCES event_types (id),
    services INTEGER REFERENCES services (id),
    turns INTEGER,
    exchanges INTEGER NOT NULL,         -- greetings are not counted
    unanswered INTEGER NOT NULL,        -- exchanges in which the caller heard nothing back
    interruptions INTEGER NOT NULL,     -- answers that the caller cut off
    errors INTEGER NOT NULL,
    p50_ms REAL,                        -- response latency of this call: of answered waits alone
    p95_ms REAL,
    p99_ms REAL,
    worst_ms REAL,                      -- the longest that the caller waited in an exchange, answered or not
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
CREATE INDEX call_by_event_types ON call (event_types);
CREATE INDEX call_by_services ON call (services, started_at_ms, dimensions);
CREATE INDEX call_by_caller ON call (caller COLLATE NOCASE);
CREATE INDEX call_by_error ON call (error) WHERE error IS NOT NULL;

-- What calls are told apart by in trends: one row for each combination that occurs, and one for each combination of the
-- few that a coarser grain tells apart (callscope/index/grains.py), in which the others are ''.
CREATE TABLE dimensions (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,                -- the agent's name; '' when unknown, as with all of these
    version TEXT NOT NULL,              -- label agent_version (or version)
    provider TEXT NOT NULL,             -- of the agent's model
    model TEXT NOT NULL,
    mode TEXT NOT NULL,                 -- provider_mode: pipeline, realtime, ...
    status TEXT NOT NULL,
    environment TEXT NOT NULL,          -- label environment (or env)
    grain INTEGER NOT NULL,             -- 3: all of them, as calls have; 2: provider and model; 1: agent; 0: none
    UNIQUE (agent, version, provider, model, mode, status, environment, grain)
);

-- Which types of events calls have: one row for each set that occurs.
CREATE TABLE event_types (
    id INTEGER PRIMARY KEY,
    types TEXT NOT NULL UNIQUE          -- a JSON array, sorted
);

-- What calls were billed for, or told that they used: one row for each set that occurs.
CREATE TABLE services (
    id INTEGER PRIMARY KEY,
    used TEXT NOT NULL UNIQUE           -- a JSON array of [service, provider, model], sorted; '' when unknown
);

-- The labels that the user set.
CREATE TABLE label (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                -- text as it is, anything else as JSON
    PRIMARY KEY (call, name)
) WITHOUT ROWID;
CREATE INDEX label_by_value ON label (name, value COLLATE NOCASE, call);

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
    PRIMARY KEY (call, seq)
) WITHOUT ROWID;

-- The same waits as one row a call, for figures of many calls: callscope/index/call_waits.py. Numbers of 32 bits.
CREATE TABLE call_waits (
    call INTEGER PRIMARY KEY REFERENCES call (id) ON DELETE CASCADE,
    cut_off INTEGER NOT NULL,           -- answers that the caller cut off; greetings are in none of these
    response BLOB NOT NULL,
    endpointing BLOB NOT NULL,
    transcription BLOB NOT NULL,
    turn_detection BLOB NOT NULL,
    handover BLOB NOT NULL,
    llm BLOB NOT NULL,
    tool BLOB NOT NULL,
    aggregation BLOB NOT NULL,
    synthesis BLOB NOT NULL,
    output BLOB NOT NULL,
    unexplained BLOB NOT NULL,
    longest_ms INTEGER                  -- the longest response; `call.worst_ms` is also of what was never answered
);

CREATE INDEX call_waits_by_longest ON call_waits (longest_ms, call) WHERE longest_ms IS NOT NULL;

-- What a call is made of and nothing is looked up by, as JSON: up to 256 of each in a row. The views turn, part, event,
-- usage and cost_line show it as rows.
CREATE TABLE detail (
    id INTEGER PRIMARY KEY,             -- call << 20 | n: turns and all others from 256 n on
    turns TEXT NOT NULL,                -- [turn_index, ts_ms, role, text, heard, interrupted, duration_ms, cost_usd], ...
                                        -- where text is the n of its document, or the text itself if it has none
    usage TEXT NOT NULL,                -- [service, provider, model, reports, unreported_requests, units], ...
    cost_lines TEXT NOT NULL,           -- [service, provider, model, status, unit, quantity, amount, currency, usd], ...
    parts TEXT NOT NULL,                -- for each exchange [[stage, label, owner, owner_kind, start_ms, duration_ms], ...]
    events TEXT NOT NULL                -- [ts_ms, type, data], ...
);

-- The tools that a call used.
CREATE TABLE tool (
    call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (call, name)
) WITHOUT ROWID;
CREATE INDEX tool_by_name ON tool (name COLLATE NOCASE, call);

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
    text, content = 'document', content_rowid = 'id', tokenize = 'trigram', detail = 'full', columnsize = 0
);

-- Words, with ranking.
CREATE VIRTUAL TABLE document_word USING fts5 (
    text, content = 'document', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

-- Sums by hour, for each combination of dimensions of each grain. An hour is that in which a call began. Every call is in
-- one row of each grain: add up rows of one grain alone.
CREATE TABLE hour (
    grain INTEGER NOT NULL,             -- of the dimensions
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    calls INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,        -- nobody can say how they ended: in progress, or unreadable
    duration_us INTEGER NOT NULL,       -- microseconds
    turns INTEGER NOT NULL,
    exchanges INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    calls_with_errors INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL,          -- the sum of what is known, in billionths of a dollar
    unpriced_calls INTEGER NOT NULL,    -- calls whose cost is not known, or not whole
    response BLOB NOT NULL,             -- histogram of the response latency: see histogram.py
    stages BLOB NOT NULL,               -- histograms of the stages
    PRIMARY KEY (grain, start_ms, dimensions)
) WITHOUT ROWID;

-- Hours and dimensions (all of them) whose sums are not those of their calls, because a first build is under way.
CREATE TABLE dirty_hour (
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL,
    PRIMARY KEY (start_ms, dimensions)
) WITHOUT ROWID;

-- The same as hour by UTC day.
CREATE TABLE day_sum (
    grain INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    calls INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    exchanges INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    calls_with_errors INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    response BLOB NOT NULL,
    stages BLOB NOT NULL,
    PRIMARY KEY (grain, start_ms, dimensions)
) WITHOUT ROWID;

-- The same as day_sum by week, which begins on Monday (UTC): of the weeks before that of the newest call.
CREATE TABLE week_sum (
    grain INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    calls INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    exchanges INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    calls_with_errors INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    response BLOB NOT NULL,
    stages BLOB NOT NULL,
    PRIMARY KEY (grain, start_ms, dimensions)
) WITHOUT ROWID;

-- One row a turn.
CREATE VIEW turn AS
SELECT
    c.id AS call,
    (b.id & 1048575) * 256 + t.key AS seq,              -- place in the order of speaking, from 0
    json_extract(t.value, '$[0]') AS turn_index,        -- as the writer counted it
    json_extract(t.value, '$[1]') AS ts_ms,
    json_extract(t.value, '$[2]') AS role,
    CASE json_type(t.value, '$[3]')                     -- NULL when the policy kept it off the disk
        WHEN 'integer' THEN (SELECT text FROM document WHERE id = (c.id << 20) + json_extract(t.value, '$[3]'))
        ELSE json_extract(t.value, '$[3]')
    END AS text,
    json_extract(t.value, '$[4]') AS heard,
    json_extract(t.value, '$[5]') AS interrupted,
    json_extract(t.value, '$[6]') AS duration_ms,
    json_extract(t.value, '$[7]') AS cost_usd
FROM call AS c
CROSS JOIN detail AS b ON b.id BETWEEN c.id << 20 AND (c.id << 20) + 1048575
CROSS JOIN json_each(b.turns) AS t;

-- One row for each part of a wait: the waterfall of an exchange. See callscope.model.exchange.Part.
CREATE VIEW part AS
SELECT
    c.id AS call,
    (b.id & 1048575) * 256 + x.key AS exchange,         -- seq of the exchange
    p.key AS seq,                                       -- place in the wait, from 0
    json_extract(p.value, '$[0]') AS stage,
    json_extract(p.value, '$[1]') AS label,             -- for people
    json_extract(p.value, '$[2]') AS owner,             -- who could make it shorter
    json_extract(p.value, '$[3]') AS owner_kind,
    json_extract(p.value, '$[4]') AS start_ms,          -- after the caller stopped speaking
    json_extract(p.value, '$[5]') AS duration_ms
FROM call AS c
CROSS JOIN detail AS b ON b.id BETWEEN c.id << 20 AND (c.id << 20) + 1048575
CROSS JOIN json_each(b.parts) AS x
CROSS JOIN json_each(x.value) AS p;

-- One row an event, in the order they were written.
CREATE VIEW event AS
SELECT
    c.id AS call,
    (b.id & 1048575) * 256 + e.key AS seq,
    json_extract(e.value, '$[0]') AS ts_ms,
    json_extract(e.value, '$[1]') AS type,
    json_extract(e.value, '$[2]') AS data               -- JSON
FROM call AS c
CROSS JOIN detail AS b ON b.id BETWEEN c.id << 20 AND (c.id << 20) + 1048575
CROSS JOIN json_each(b.events) AS e;

-- What was used, summed by service, provider and model.
CREATE VIEW usage AS
SELECT
    c.id AS call,
    json_extract(u.value, '$[0]') AS service,
    json_extract(u.value, '$[1]') AS provider,          -- '' when unknown
    json_extract(u.value, '$[2]') AS model,             -- '' when unknown
    json_extract(u.value, '$[3]') AS reports,
    json_extract(u.value, '$[4]') AS unreported_requests,
    json_extract(u.value, '$[5]') AS units              -- JSON object: quantity by unit
FROM call AS c
CROSS JOIN detail AS b ON b.id BETWEEN c.id << 20 AND (c.id << 20) + 1048575
CROSS JOIN json_each(b.usage) AS u;

-- What it cost: the cost lines of the call.
CREATE VIEW cost_line AS
SELECT
    c.id AS call,
    (b.id & 1048575) * 256 + l.key AS seq,
    json_extract(l.value, '$[0]') AS service,
    json_extract(l.value, '$[1]') AS provider,          -- who bills it; as reported where nobody knew
    json_extract(l.value, '$[2]') AS model,             -- '' when unknown
    json_extract(l.value, '$[3]') AS status,
    json_extract(l.value, '$[4]') AS unit,
    json_extract(l.value, '$[5]') AS quantity,
    json_extract(l.value, '$[6]') AS amount,            -- in currency
    json_extract(l.value, '$[7]') AS currency,
    json_extract(l.value, '$[8]') AS usd                -- NULL: not known, which is not 0
FROM call AS c
CROSS JOIN detail AS b ON b.id BETWEEN c.id << 20 AND (c.id << 20) + 1048575
CROSS JOIN json_each(b.cost_lines) AS l;

-- The sets of types of events, and of services, taken apart; those that a call has.
CREATE VIEW event_type AS
SELECT e.id AS event_types, t.value AS type
FROM event_types AS e CROSS JOIN json_each(e.types) AS t
WHERE EXISTS (SELECT 1 FROM call WHERE call.event_types = e.id);

CREATE VIEW service AS
SELECT
    s.id AS services,
    json_extract(u.value, '$[0]') AS service,
    json_extract(u.value, '$[1]') AS provider,
    json_extract(u.value, '$[2]') AS model
FROM services AS s CROSS JOIN json_each(s.used) AS u
WHERE EXISTS (SELECT 1 FROM call WHERE call.services = s.id);

-- The services that a call used or was billed for, each once.
CREATE VIEW used AS
SELECT
    c.id AS call,
    json_extract(u.value, '$[0]') AS service,
    json_extract(u.value, '$[1]') AS provider,
    json_extract(u.value, '$[2]') AS model
FROM call AS c CROSS JOIN services AS s ON s.id = c.services CROSS JOIN json_each(s.used) AS u;

-- Errors by UTC day, combination of dimensions (all of them) and fingerprint.
CREATE TABLE day_error (
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    fingerprint TEXT NOT NULL,
    errors INTEGER NOT NULL,
    calls INTEGER NOT NULL,             -- in which they happened
    recovered INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    newest_call INTEGER NOT NULL REFERENCES call (id),
    PRIMARY KEY (start_ms, dimensions, fingerprint)
) WITHOUT ROWID;

-- Cost lines by UTC day, combination of dimensions (all of them), service, provider and model.
CREATE TABLE day_spend (
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    service TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    nano_usd INTEGER NOT NULL,          -- the sum of what is known, in billionths of a dollar
    lines INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,          -- lines without an amount
    PRIMARY KEY (start_ms, dimensions, service, provider, model)
) WITHOUT ROWID;

-- The same by hour.
CREATE TABLE hour_spend (
    start_ms INTEGER NOT NULL,
    dimensions INTEGER NOT NULL REFERENCES dimensions (id),
    service TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    nano_usd INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (start_ms, dimensions, service, provider, model)
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
