UPDATE signing_key
SET verifies_until = least(verifies_until, $2::timestamptz)
WHERE kid = $1::text
