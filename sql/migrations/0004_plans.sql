-- What retention plans are made of, what became of each, and what the calls of language models cost.

-- A copy of `high-risk`: what a prompt may say of a prediction, so that a plan that is asked for later
-- needs no look at the employee.
CREATE TABLE high_risk_facts (
    prediction_id text PRIMARY KEY,
    employee_id   text NOT NULL,
    scored_at     timestamptz NOT NULL,
    band          text NOT NULL,
    probability   double precision NOT NULL,
    reason_1      text,
    weight_1      double precision, -- its sign tells whether the reason raises or lowers the risk
    reason_2      text,
    weight_2      double precision,
    reason_3      text,
    weight_3      double precision,
    fact_names    text[] NOT NULL,
    fact_values   text[] NOT NULL,  -- the band of each
    CHECK (cardinality(fact_names) = cardinality(fact_values))
);
CREATE INDEX high_risk_facts_employee ON high_risk_facts (employee_id);

-- A copy of `retention-plans`, append only. plan_id is the place in the input that the plan came from.
CREATE TABLE retention_plan (
    plan_id       text PRIMARY KEY,
    request_id    text,          -- null: nobody asked, an episode was opened
    prediction_id text NOT NULL,
    employee_id   text NOT NULL,
    status        text NOT NULL,
    action_1      text,
    action_2      text,
    action_3      text,
    language      text NOT NULL,
    generated_by  text,
    model_name    text,
    prompt_sha256 text,
    input_tokens  bigint,
    output_tokens bigint,
    created_at    timestamptz NOT NULL,
    requested_by  text,
    refusal       text,          -- why there are no actions
    reused_from   text,          -- plan whose actions these are
    CHECK (status IN ('written', 'fallback', 'refused')),
    CHECK ((status = 'refused') = (refusal IS NOT NULL)),
    CHECK ((status = 'refused') = (action_1 IS NULL)),
    CHECK (num_nulls(action_1, action_2, action_3) IN (0, 3))
);
CREATE INDEX retention_plan_employee ON retention_plan (employee_id, created_at);
CREATE INDEX retention_plan_prediction ON retention_plan (prediction_id);
CREATE INDEX retention_plan_request ON retention_plan (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX retention_plan_created ON retention_plan (created_at);

-- The ledger. A row is written before a provider is called and finished right after its answer: what
-- was paid for is used after a crash, and a call without a result is one that a process died in.
CREATE TABLE llm_call (
    plan_id       text NOT NULL,
    attempt       integer NOT NULL,
    provider      text NOT NULL,        -- 'gemini', 'openai-compatible', 'rules'
    model_name    text,
    prompt_sha256 text NOT NULL,
    language      text NOT NULL,
    claimed_at    timestamptz NOT NULL,
    claimed_by    text NOT NULL,        -- token of the process that made the call
    copied_from   text,                 -- plan whose answer to the same prompt this is: no call was made
    finished_at   timestamptz,
    outcome       text,                 -- 'accepted', 'superseded' (another was accepted first), or what failed
    action_1      text,
    action_2      text,
    action_3      text,
    input_tokens  bigint,
    output_tokens bigint,
    cost_microusd bigint,
    PRIMARY KEY (plan_id, attempt),
    CHECK (attempt > 0),
    CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS DISTINCT FROM 'accepted' OR num_nulls(action_1, action_2, action_3) = 0)
);
CREATE UNIQUE INDEX llm_call_accepted ON llm_call (plan_id) WHERE outcome = 'accepted';
CREATE INDEX llm_call_prompt ON llm_call (prompt_sha256, finished_at)
    WHERE outcome = 'accepted' AND copied_from IS NULL;
CREATE INDEX llm_call_day ON llm_call (provider, claimed_at) WHERE copied_from IS NULL;

-- Providers that are not called for now: the key, the model, the credits or the day's quota are at an
-- end. It is over at stopped_until, or once an operator has asked for it.
CREATE TABLE llm_provider (
    provider            text PRIMARY KEY,
    stopped_reason      text NOT NULL,
    stopped_at          timestamptz NOT NULL,
    stopped_until       timestamptz, -- null: only an operator ends it
    resume_requested_at timestamptz  -- counts where it is behind stopped_at
);

-- Whether plans are made at all: one row.
CREATE TABLE plan_switch (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    is_on      boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text -- database role
);
INSERT INTO plan_switch (is_on) VALUES (true);

-- Facts and plans can differ from what is stored, too.
ALTER TABLE recorder_conflict ADD COLUMN table_name text NOT NULL DEFAULT 'predictions_history';
