-- Finishes claims. One answer per plan is accepted: a second one is stored as superseded, since it was
-- paid for, and the one that stood is given back. The outer query sees the table as it was before.
WITH r AS (SELECT *
           FROM unnest($2::text[], $3::integer[], $4::timestamptz[], $5::text[], $6::text[],
                       $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[],
                       $12::bigint[]) WITH ORDINALITY
                AS r (plan_id, attempt, finished_at, outcome, model_name, action_1, action_2, action_3,
                      input_tokens, output_tokens, cost_microusd, place)),
     stored AS (UPDATE llm_call AS l
                SET finished_at = r.finished_at,
                    outcome = CASE WHEN r.outcome = 'accepted'
                                    AND EXISTS (SELECT
                                                FROM llm_call AS o
                                                WHERE o.plan_id = r.plan_id
                                                  AND o.outcome = 'accepted')
                                   THEN 'superseded' ELSE r.outcome END,
                    model_name = coalesce(r.model_name, l.model_name),
                    action_1 = r.action_1,
                    action_2 = r.action_2,
                    action_3 = r.action_3,
                    input_tokens = r.input_tokens,
                    output_tokens = r.output_tokens,
                    cost_microusd = r.cost_microusd
                FROM r
                WHERE l.plan_id = r.plan_id AND l.attempt = r.attempt
                  AND l.claimed_by = $1::text AND l.finished_at IS NULL
                RETURNING l.plan_id, l.attempt, l.outcome)
SELECT s.outcome IS NOT DISTINCT FROM r.outcome AS is_stored,
       a.plan_id, a.provider, a.model_name, a.prompt_sha256, a.language, a.copied_from,
       a.action_1, a.action_2, a.action_3, a.input_tokens, a.output_tokens, a.finished_at
FROM r
LEFT JOIN stored AS s ON s.plan_id = r.plan_id AND s.attempt = r.attempt
LEFT JOIN llm_call AS a ON a.plan_id = r.plan_id AND a.outcome = 'accepted'
ORDER BY r.place
