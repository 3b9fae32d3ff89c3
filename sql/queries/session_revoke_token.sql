INSERT INTO revoked_token (kind, id, expires_at, revoked_at)
VALUES ('token', $1::text, $2::timestamptz, clock_timestamp())
ON CONFLICT (kind, id) DO NOTHING
