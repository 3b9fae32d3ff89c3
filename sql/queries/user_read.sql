SELECT id, username, password_hash, role, is_disabled, created_at, password_changed_at
FROM users
WHERE username = $1::text
