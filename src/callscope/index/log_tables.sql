-- Where in the files of logs which lines are; the lines themselves stay in their files. See callscope/index/log_blocks.py.

-- The files as they were last read.
CREATE TABLE log_file (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,                 -- in <root>/logs
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,              -- -1: not read whole
    mtime_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,            -- bytes that the blocks cover, without compression
    mark BLOB NOT NULL,                 -- of what is before offset: tells whether it is this file still
    at_ms INTEGER NOT NULL              -- place in time of the last line before offset
);

-- Whole lines that follow each other, some 64 KiB.
CREATE TABLE log_block (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES log_file (id),
    start INTEGER NOT NULL,             -- offset of the first byte, without compression
    stop INTEGER NOT NULL,
    before_ms INTEGER NOT NULL,         -- place in time of the line before
    first_ms INTEGER NOT NULL,          -- the earliest and the latest place in time
    last_ms INTEGER NOT NULL,
    level INTEGER NOT NULL,             -- the worst, 0 trace to 5 critical; -1: none is known
    lines INTEGER NOT NULL,
    loggers TEXT NOT NULL               -- a JSON array, sorted
);
CREATE INDEX log_block_by_file ON log_block (file, start);

-- The calls that lines of a block belong to.
CREATE TABLE log_call (
    call_id TEXT NOT NULL,
    block INTEGER NOT NULL REFERENCES log_block (id),
    PRIMARY KEY (call_id, block)
) WITHOUT ROWID;
CREATE INDEX log_call_by_block ON log_call (block);
