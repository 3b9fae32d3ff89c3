-- Tokens carry whole seconds, and one that was issued behind a revocation carries the next: a further
-- revocation in the same second must end that one, too.
-- revoked_at is the database's clock, for gateways that read what is new.
WITH families AS (UPDATE refresh_family
                  SET revoked_at = $2::timestamptz
                  WHERE user_id = $1::bigint AND revoked_at IS NULL)
INSERT INTO revoked_token AS o (kind, id, issued_before, expires_at, revoked_at)
VALUES ('user', $1::bigint::text, $2::timestamptz,
        $2::timestamptz + $3::bigint * interval '1 ms', clock_timestamp())
ON CONFLICT (kind, id) DO UPDATE
SET issued_before = greatest(date_trunc('second', o.issued_before + interval '999 ms')
                             + interval '1 ms', excluded.issued_before),
    expires_at = greatest(o.expires_at, excluded.expires_at),
    revoked_at = excluded.revoked_at
