-- What the gateway keeps: accounts and their tokens, keys, and the requests that people made. No
-- secret stands here as it is: passwords and tokens are hashes, keys are sealed with a key that the
-- database does not have.

-- requested_by of events and user_id elsewhere are the id as decimal text.
CREATE TABLE users (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username            text NOT NULL UNIQUE, -- in lower case: two spellings are one account
    password_hash       text NOT NULL,
    role                text NOT NULL,
    is_disabled         boolean NOT NULL DEFAULT false,
    created_at          timestamptz NOT NULL DEFAULT now(),
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (username ~ '^[a-z0-9._@+-]{3,64}$'),
    CHECK (role IN ('admin', 'hr', 'viewer', 'service')),
    -- argon2id and bcrypt: what else comes here is a mistake, perhaps the password itself.
    CHECK (password_hash ~ '^\$(argon2id|2[aby])\$' AND length(password_hash) <= 256)
);

-- A code that lets one person register, with a role.
CREATE TABLE user_invite (
    code_sha256 text PRIMARY KEY,
    role        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    used_by     bigint, -- user id
    CHECK (code_sha256 ~ '^[0-9a-f]{64}$'),
    CHECK (role IN ('admin', 'hr', 'viewer', 'service')),
    CHECK ((used_at IS NULL) = (used_by IS NULL))
);

-- All refresh tokens that follow from one login. Whoever spends or revokes one of them locks this
-- row first, so that a token which is being made cannot slip out of a revocation.
CREATE TABLE refresh_family (
    family     text PRIMARY KEY,
    user_id    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, -- of its latest token
    revoked_at timestamptz           -- logout, password changed, account disabled, a spent token came again
) WITH (fillfactor = 80);
CREATE INDEX refresh_family_user ON refresh_family (user_id);

-- Each is spent once and replaced. A spent one that comes again was stolen, then or now: its family
-- is revoked.
CREATE TABLE refresh_token (
    token_sha256 text PRIMARY KEY,
    family       text NOT NULL,
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    replaced_by  text, -- token_sha256 of the token that was given for it
    CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    CHECK ((used_at IS NULL) = (replaced_by IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

-- Access tokens that are refused before their time is over.
CREATE TABLE revoked_token (
    kind          text NOT NULL,        -- 'token': the one with this jti; 'user': all of this user that
                                        -- were issued before issued_before
    id            text NOT NULL,        -- jti or user id
    issued_before timestamptz,
    expires_at    timestamptz NOT NULL, -- no such token is valid any more
    revoked_at    timestamptz NOT NULL, -- by the database's clock: gateways read what is new
    PRIMARY KEY (kind, id),
    CHECK (kind IN ('token', 'user')),
    CHECK ((kind = 'user') = (issued_before IS NOT NULL))
);
CREATE INDEX revoked_token_new ON revoked_token (revoked_at);

-- Ed25519 keys that sign access tokens. The newest that has begun signs; all verify until their time
-- is over.
CREATE TABLE signing_key (
    kid            text PRIMARY KEY,
    public_key     bytea NOT NULL,
    sealed_key     bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    signs_from     timestamptz NOT NULL,
    verifies_until timestamptz, -- null: no end is set
    CHECK (length(public_key) = 32)
);

-- Failed logins, by account, by address, and by both together: kept here so that a restart or another
-- gateway forgets nothing. A row of a pair says also that this account was logged in from there.
CREATE TABLE login_throttle (
    scope           text NOT NULL,
    subject         text NOT NULL, -- username (also one that nobody has), address, or both
    failures        integer NOT NULL,
    last_failure_at timestamptz NOT NULL,
    blocked_until   timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (scope, subject),
    CHECK (scope IN ('account', 'address', 'pair')),
    CHECK (length(subject) <= 256),
    CHECK (failures >= 0)
) WITH (fillfactor = 80);
CREATE INDEX login_throttle_age ON login_throttle (changed_at);

-- One row per request that somebody made; id is also the correlation id and the id of the event. The
-- gateway writes who asked, the recorder what came of it, and either may be first.
CREATE TABLE http_request (
    id              text PRIMARY KEY,
    user_id         text,                           -- null: the gateway's word has not come (yet)
    kind            text NOT NULL,
    employee_id     text,
    body_sha256     text,
    idempotency_key text,
    is_sent         boolean NOT NULL DEFAULT true,  -- false: claimed by its idempotency key, no more
    state           text NOT NULL DEFAULT 'accepted',
    created_at      timestamptz NOT NULL,
    completed_at    timestamptz,
    result_id       text,                           -- prediction id or plan id
    error_code      text,
    error_text      text,
    missing_inputs  text[],                         -- of a prediction: attributes that were imputed
    answer          text,                           -- body of the answer, where nothing else keeps it
    CHECK (length(id) BETWEEN 1 AND 128),
    CHECK (kind IN ('predict', 'plan', 'change')),
    CHECK (state IN ('accepted', 'done', 'failed', 'expired')),
    CHECK ((completed_at IS NOT NULL) = (state IN ('done', 'failed'))),
    CHECK ((error_code IS NOT NULL) = (state = 'failed')),
    CHECK (idempotency_key IS NULL OR user_id IS NOT NULL)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX http_request_idempotency ON http_request (user_id, kind, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX http_request_created ON http_request (created_at);

-- Which gateway reads which partition of the reply topics. For efficiency only.
CREATE TABLE reply_lease (
    partition    integer PRIMARY KEY,
    holder       text NOT NULL,
    leased_until timestamptz NOT NULL,
    CHECK (partition >= 0)
) WITH (fillfactor = 50);

-- Ids for people who are scored without one; a value is the first of a block of 100.
CREATE SEQUENCE employee_number AS bigint START 1000000000 INCREMENT 100;

-- Scores of one employee, the latest first.
CREATE INDEX predictions_history_employee ON predictions_history (employee_id, timestamp DESC, id DESC);

-- Who is at risk, the greatest first: each band by itself, of all departments or of one. Bands are
-- merged by the statement. A single index, since every score writes into it.
CREATE INDEX current_prediction_listing
    ON current_prediction (band, (- coalesce(probability, -1)), employee_id, department)
    WHERE NOT departed;
