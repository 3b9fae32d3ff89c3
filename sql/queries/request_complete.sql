-- What the recorder knows. What the gateway has said of a request stays, and so does its first reply.
INSERT INTO http_request AS h (id, kind, user_id, employee_id, created_at, state, completed_at,
                               result_id, error_code, error_text, missing_inputs)
SELECT DISTINCT ON (r.id) r.id, r.kind, r.user_id, r.employee_id, r.created_at,
       CASE WHEN r.error_code IS NULL THEN 'done' ELSE 'failed' END, r.completed_at,
       r.result_id, r.error_code, r.error_text, string_to_array(r.missing_inputs, ',')
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::text[], $8::text[], $9::text[], $10::text[]) WITH ORDINALITY
     AS r (id, kind, user_id, employee_id, created_at, completed_at, result_id, error_code,
           error_text, missing_inputs, place)
ORDER BY r.id, r.place
ON CONFLICT (id) DO UPDATE
SET user_id = coalesce(h.user_id, excluded.user_id),
    employee_id = coalesce(h.employee_id, excluded.employee_id),
    is_sent = true,
    state = excluded.state,
    completed_at = excluded.completed_at,
    result_id = excluded.result_id,
    error_code = excluded.error_code,
    error_text = excluded.error_text,
    missing_inputs = excluded.missing_inputs
WHERE h.state IN ('accepted', 'expired')
