UPDATE users SET is_disabled = $2::boolean WHERE id = $1::bigint
