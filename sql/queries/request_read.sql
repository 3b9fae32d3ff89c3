SELECT id, user_id, kind, employee_id, body_sha256, is_sent, state, created_at, completed_at,
       result_id, error_code, error_text, answer, missing_inputs
FROM http_request
WHERE id = $1::text AND ($2::text IS NULL OR user_id = $2::text)
