-- FOR SHARE: a password that is being changed, or an account that is being disabled, is waited for;
-- whoever does either later finds this family and revokes it.
WITH owner AS (SELECT id
               FROM users
               WHERE id = $1::bigint AND NOT is_disabled
                 AND date_trunc('milliseconds', password_changed_at) = $2::timestamptz
               FOR SHARE),
     family AS (INSERT INTO refresh_family (family, user_id, created_at, expires_at)
                SELECT $3::text, id, $5::timestamptz, $6::timestamptz
                FROM owner
                ON CONFLICT (family) DO NOTHING),
     token AS (INSERT INTO refresh_token (token_sha256, family, issued_at, expires_at)
               SELECT $4::text, $3::text, $5::timestamptz, $6::timestamptz
               FROM owner
               ON CONFLICT (token_sha256) DO NOTHING)
SELECT r.issued_before
FROM owner
LEFT JOIN revoked_token AS r ON r.kind = 'user' AND r.id = owner.id::text
