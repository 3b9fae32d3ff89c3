UPDATE http_request
SET state = CASE WHEN $3::text IS NULL THEN 'done' ELSE 'failed' END,
    completed_at = $5::timestamptz,
    answer = $2::text,
    error_code = $3::text,
    error_text = $4::text,
    is_sent = true
WHERE id = $1::text AND completed_at IS NULL
