-- Every score that was ever made, the latest one per employee, and the periods of high risk.

-- Append only. id is the place in the input that the score came from; names and meaning of id,
-- timestamp, user_id, employee_id and probability are those of the first RetentionAI.
CREATE TABLE predictions_history (
    id               text PRIMARY KEY,
    timestamp        timestamptz NOT NULL, -- when it was scored
    user_id          text,                 -- who asked; null: nobody, the state changed
    employee_id      text NOT NULL,
    probability      double precision,     -- null exactly for band 'unknown'
    event_id         text NOT NULL,
    event_time       timestamptz NOT NULL,
    band             text NOT NULL,
    threshold        double precision NOT NULL,
    model_id         text NOT NULL,
    base_log_odds    double precision,     -- null like probability
    reason_1         text,
    weight_1         double precision,
    reason_2         text,
    weight_2         double precision,
    reason_3         text,
    weight_3         double precision,
    department       text,
    job_role         text,
    trigger          text NOT NULL,
    source_topic     text NOT NULL,
    source_partition integer NOT NULL,
    source_offset    bigint NOT NULL,
    CHECK (probability BETWEEN 0 AND 1),
    CHECK (band IN ('low', 'elevated', 'high', 'unknown')),
    CHECK ((probability IS NULL) = (band = 'unknown'))
);

-- The greatest (event_time, scored_at, topic_offset) of each employee, departures included.
CREATE TABLE current_prediction (
    employee_id     text PRIMARY KEY,
    event_time      timestamptz NOT NULL,
    scored_at       timestamptz NOT NULL,
    topic_partition integer NOT NULL, -- on `predictions`
    topic_offset    bigint NOT NULL,
    departed        boolean NOT NULL, -- then all of the following is null
    prediction_id   text,
    event_id        text,
    probability     double precision,
    band            text,
    threshold       double precision,
    model_id        text,
    base_log_odds   double precision,
    reason_1        text,
    weight_1        double precision,
    reason_2        text,
    weight_2        double precision,
    reason_3        text,
    weight_3        double precision,
    department      text,
    job_role        text,
    trigger         text,
    CHECK (departed = (prediction_id IS NULL))
) WITH (fillfactor = 80);

-- Employees whose last value on `predictions` is older than one before it: a reader of the compacted
-- topic would keep the wrong one. A re-score publishes them again; the newer value clears the note.
CREATE TABLE stale_prediction (
    employee_id     text PRIMARY KEY,
    topic_partition integer NOT NULL,
    topic_offset    bigint NOT NULL, -- of the value that came too late
    noted_at        timestamptz NOT NULL DEFAULT now()
);

-- From the first high score to the one that ends the risk. Times are scored_at of records, never a
-- clock's: the episodes are a function of the topic.
CREATE TABLE risk_episode (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employee_id   text NOT NULL,
    opened_by     text NOT NULL UNIQUE, -- prediction id
    opened_at     timestamptz NOT NULL,
    closed_by     text,                 -- prediction id; null where the employee left
    closed_at     timestamptz,
    closed_reason text,
    CHECK (closed_reason IN ('fell', 'left')),
    CHECK ((closed_at IS NULL) = (closed_reason IS NULL))
);
CREATE UNIQUE INDEX risk_episode_open ON risk_episode (employee_id) WHERE closed_at IS NULL;
CREATE INDEX risk_episode_employee ON risk_episode (employee_id, id);

-- Records whose prediction id is in predictions_history already, but with other content: that must
-- never happen, so both are kept for people to look at.
CREATE TABLE recorder_conflict (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prediction_id text NOT NULL,
    incoming      jsonb NOT NULL,
    stored        jsonb NOT NULL,
    noted_at      timestamptz NOT NULL DEFAULT now()
);
