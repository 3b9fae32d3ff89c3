-- revoked_at is the database's clock, for gateways that read what is new.
WITH families AS (UPDATE refresh_family
                  SET revoked_at = $2::timestamptz
                  WHERE user_id = $1::bigint AND revoked_at IS NULL)
INSERT INTO revoked_token AS o (kind, id, issued_before, expires_at, revoked_at)
VALUES ('user', $1::bigint::text, $2::timestamptz,
        $2::timestamptz + $3::bigint * interval '1 ms', clock_timestamp())
ON CONFLICT (kind, id) DO UPDATE
SET issued_before = greatest(o.issued_before, excluded.issued_before),
    expires_at = greatest(o.expires_at, excluded.expires_at),
    revoked_at = excluded.revoked_at
