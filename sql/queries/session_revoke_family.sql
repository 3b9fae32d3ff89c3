UPDATE refresh_family AS f
SET revoked_at = coalesce(f.revoked_at, $3::timestamptz)
FROM refresh_token AS r
WHERE r.token_sha256 = $2::text AND f.family = r.family AND f.user_id = $1::bigint
