-- Where each consumer of a topic stands, kept beside the rows that it wrote: both change in one
-- transaction, so a crash can never separate them.

CREATE TABLE kafka_offset (
    topic           text NOT NULL,
    partition       integer NOT NULL,
    generation      integer NOT NULL DEFAULT 1, -- raised by the operator when a topic was made anew
    next            bigint NOT NULL DEFAULT 0,  -- the first offset whose effect is not in the tables
    last_applied    bigint,                     -- offset of the last record whose effect is
    last_checksum   bigint,                     -- of that record: another one there is another log
    last_applied_at timestamptz,                -- its broker time
    owner           text NOT NULL,              -- token of the process that may move `next`
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition),
    CHECK (next >= 0),
    CHECK ((last_applied IS NULL) = (last_checksum IS NULL)),
    CHECK (last_applied < next)
) WITH (fillfactor = 50); -- few rows, moved all the time: room for updates in place

-- Records that were gone before they could be read. Written once per gap, looked at by people.
CREATE TABLE recorder_gap (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    generation  integer NOT NULL,
    from_offset bigint NOT NULL,
    to_offset   bigint,        -- the first offset that could be read again; null where not known
    reason      text NOT NULL, -- 'expired': the log starts behind; 'compacted': older values may be gone
    noted_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (reason IN ('expired', 'compacted'))
);
