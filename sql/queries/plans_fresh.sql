-- The latest plan of each employee in a language, made for its own sake and not before $3.
SELECT p.*
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (employee_id, language, place)
LEFT JOIN LATERAL (SELECT r.plan_id, r.request_id, r.prediction_id, r.employee_id, r.status,
                          r.action_1, r.action_2, r.action_3, r.language, r.generated_by,
                          r.model_name, r.prompt_sha256, r.input_tokens, r.output_tokens,
                          r.created_at, r.requested_by, r.refusal, r.reused_from
                   FROM retention_plan AS r
                   WHERE r.employee_id = w.employee_id AND r.language = w.language
                     AND r.status <> 'refused' AND r.reused_from IS NULL
                     AND r.created_at >= $3::timestamptz
                   ORDER BY r.created_at DESC, r.plan_id DESC
                   LIMIT 1) AS p ON true
ORDER BY w.place
