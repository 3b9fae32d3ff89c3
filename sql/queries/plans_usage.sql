-- Calls that were begun; what those in the air will cost is not known yet.
SELECT count(*), coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
       coalesce(sum(cost_microusd), 0)::bigint
FROM llm_call
WHERE provider = $1::text AND claimed_at >= $2::timestamptz AND copied_from IS NULL
