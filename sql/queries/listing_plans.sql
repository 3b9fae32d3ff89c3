SELECT plan_id, request_id, prediction_id, employee_id, status, action_1, action_2, action_3, language,
       generated_by, model_name, prompt_sha256, input_tokens, output_tokens, created_at,
       requested_by, refusal, reused_from
FROM retention_plan
WHERE prediction_id = $1::text
ORDER BY created_at DESC, plan_id DESC
LIMIT $2::bigint
