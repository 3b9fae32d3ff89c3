-- By its own id or that of its request, with the calls that were made for it.
SELECT r.plan_id, r.request_id, r.prediction_id, r.employee_id, r.status, r.action_1, r.action_2,
       r.action_3, r.language, r.generated_by, r.model_name, r.prompt_sha256, r.input_tokens,
       r.output_tokens, r.created_at, r.requested_by, r.refusal, r.reused_from,
       (to_jsonb(r) || jsonb_build_object(
           'calls', (SELECT coalesce(jsonb_agg(to_jsonb(l) - 'plan_id' - 'claimed_by'
                                               ORDER BY l.attempt), '[]')
                     FROM llm_call AS l
                     WHERE l.plan_id = r.plan_id)))::text
FROM retention_plan AS r
WHERE r.plan_id = $1::text OR r.request_id = $1::text
ORDER BY r.created_at, r.plan_id
