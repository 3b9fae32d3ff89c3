SELECT id, username, password_hash, role, is_disabled, created_at, password_changed_at
FROM users
WHERE id > $1::bigint
ORDER BY id
LIMIT $2::bigint
