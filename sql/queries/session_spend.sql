-- Tokens carry whole seconds, and one that was issued behind a revocation carries the next: a further
-- revocation in the same second must end that one, too.
-- One at a time has the token and its family; who waited sees what the one before made of them. A
-- successor cannot come too late for a revocation: what is revoked is the family, on a row that both
-- must lock.
WITH t AS (SELECT r.expires_at, r.used_at, r.replaced_by, f.family, f.user_id, f.revoked_at
           FROM refresh_token AS r
           JOIN refresh_family AS f ON f.family = r.family
           WHERE r.token_sha256 = $1::text
           FOR UPDATE),
     v AS (SELECT t.family, t.user_id, u.username, u.role,
                  CASE WHEN t.revoked_at IS NOT NULL OR u.id IS NULL OR u.is_disabled THEN 'revoked'
                       WHEN t.replaced_by = $2::text THEN 'again'
                       WHEN t.used_at IS NOT NULL THEN 'repeated'
                       WHEN t.expires_at <= $3::timestamptz THEN 'expired'
                       ELSE 'spent' END AS outcome
           FROM t
           LEFT JOIN users AS u ON u.id = t.user_id),
     spent AS (UPDATE refresh_token AS r
               SET used_at = $3::timestamptz,
                   replaced_by = $2::text
               FROM v
               WHERE v.outcome = 'spent' AND r.token_sha256 = $1::text),
     issued AS (INSERT INTO refresh_token (token_sha256, family, issued_at, expires_at)
                SELECT $2::text, v.family, $3::timestamptz, $4::timestamptz
                FROM v
                WHERE v.outcome = 'spent'),
     moved AS (UPDATE refresh_family AS f
               SET expires_at = CASE WHEN v.outcome = 'spent'
                                     THEN greatest(f.expires_at, $4::timestamptz)
                                     ELSE f.expires_at END,
                   revoked_at = CASE WHEN v.outcome = 'repeated' THEN $3::timestamptz END
               FROM v
               WHERE v.outcome IN ('spent', 'repeated') AND f.family = v.family),
     refused AS (INSERT INTO revoked_token AS o (kind, id, issued_before, expires_at, revoked_at)
                 SELECT 'user', v.user_id::text, $3::timestamptz,
                        $3::timestamptz + $5::bigint * interval '1 ms', clock_timestamp()
                 FROM v
                 WHERE v.outcome = 'repeated'
                 ON CONFLICT (kind, id) DO UPDATE
                 SET issued_before = greatest(date_trunc('second', o.issued_before + interval '999 ms')
                                              + interval '1 ms', excluded.issued_before),
                     expires_at = greatest(o.expires_at, excluded.expires_at),
                     revoked_at = excluded.revoked_at)
SELECT v.outcome, v.user_id, v.username, v.role, v.family, o.issued_before
FROM v
LEFT JOIN revoked_token AS o ON o.kind = 'user' AND o.id = v.user_id::text
