-- The first column stands in each row, and in one of its own where there is nothing else.
SELECT one.read_at, r.kind = 'user' AS is_user, r.id, r.issued_before, r.expires_at, r.revoked_at
FROM (SELECT clock_timestamp() AS read_at) AS one
LEFT JOIN (SELECT kind, id, issued_before, expires_at, revoked_at
           FROM revoked_token
           WHERE revoked_at >= $1::timestamptz AND expires_at > now()
           ORDER BY revoked_at, kind, id
           LIMIT $2::bigint) AS r ON true
ORDER BY r.revoked_at, r.kind, r.id
