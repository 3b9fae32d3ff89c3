UPDATE http_request
SET idempotency_key = NULL
WHERE user_id = $1::text AND kind = $2::text AND idempotency_key = $3::text
  AND created_at < $4::timestamptz
