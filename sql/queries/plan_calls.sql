SELECT attempt, provider, model_name, coalesce(outcome, 'unfinished'), claimed_at, input_tokens,
       output_tokens, cost_microusd
FROM llm_call
WHERE plan_id = $1::text
ORDER BY attempt
