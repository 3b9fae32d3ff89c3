-- The latest answer of a model to each prompt, not from before $2. Copies do not count, or an answer
-- would live for ever; nor do the rules, which are there for want of a model.
SELECT a.*
FROM unnest($1::text[]) WITH ORDINALITY AS w (prompt_sha256, place)
LEFT JOIN LATERAL (SELECT l.plan_id, l.provider, l.model_name, l.prompt_sha256, l.language,
                          l.copied_from, l.action_1, l.action_2, l.action_3, l.input_tokens,
                          l.output_tokens, l.finished_at
                   FROM llm_call AS l
                   WHERE l.prompt_sha256 = w.prompt_sha256 AND l.outcome = 'accepted'
                     AND l.copied_from IS NULL AND l.provider <> 'rules'
                     AND l.finished_at >= $2::timestamptz
                   ORDER BY l.finished_at DESC, l.plan_id DESC
                   LIMIT 1) AS a ON true
ORDER BY w.place
