-- All that decides about plans that are due: is the prediction recorded, did it open an episode, has
-- the person left, is there an answer that was paid for, and what may a prompt say.
SELECT p.id IS NOT NULL AS is_recorded, p.employee_id, p.band, p.probability, p.timestamp,
       p.reason_1, p.weight_1, p.reason_2, p.weight_2, p.reason_3, p.weight_3,
       coalesce(n.departed, false) AS has_left,
       e.id IS NOT NULL AS has_opened, e.closed_reason,
       c.attempts, c.unfinished,
       f.prediction_id IS NOT NULL AS has_facts, f.fact_names, f.fact_values,
       a.plan_id, a.provider, a.model_name, a.prompt_sha256, a.language, a.copied_from,
       a.action_1, a.action_2, a.action_3, a.input_tokens, a.output_tokens, a.finished_at
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (plan_id, prediction_id, place)
LEFT JOIN predictions_history AS p ON p.id = w.prediction_id
LEFT JOIN current_prediction AS n ON n.employee_id = p.employee_id
LEFT JOIN risk_episode AS e ON e.opened_by = w.prediction_id
LEFT JOIN high_risk_facts AS f ON f.prediction_id = w.prediction_id
LEFT JOIN llm_call AS a ON a.plan_id = w.plan_id AND a.outcome = 'accepted'
LEFT JOIN LATERAL (SELECT coalesce(max(l.attempt), 0) AS attempts,
                          count(*) FILTER (WHERE l.finished_at IS NULL) AS unfinished
                   FROM llm_call AS l
                   WHERE l.plan_id = w.plan_id) AS c ON true
ORDER BY w.place
