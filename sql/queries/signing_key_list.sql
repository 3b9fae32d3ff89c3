SELECT kid, public_key, sealed_key, created_at, signs_from, verifies_until
FROM signing_key
WHERE verifies_until IS NULL OR verifies_until > $1::timestamptz
ORDER BY signs_from DESC, kid
LIMIT $2::bigint
