-- $2: when the password that was asked for was set, null where none was. The same call again finds the
-- new hash.
UPDATE users
SET password_hash = $3::text,
    password_changed_at = $4::timestamptz
WHERE id = $1::bigint
  AND ($2::timestamptz IS NULL
       OR date_trunc('milliseconds', password_changed_at) = $2::timestamptz
       OR password_hash = $3::text)
