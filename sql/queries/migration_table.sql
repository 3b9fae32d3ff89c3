CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL, -- of the file as it was applied
    applied_at timestamptz NOT NULL DEFAULT now()
)
