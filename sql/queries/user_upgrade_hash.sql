UPDATE users
SET password_hash = $3::text
WHERE id = $1::bigint AND password_hash = $2::text
