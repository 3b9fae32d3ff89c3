-- One row per employee and batch, in the order of employee_id. The caller has compared with what
-- was there; the condition keeps an older row out should another process have been faster.
INSERT INTO current_prediction
SELECT * FROM incoming_current ORDER BY employee_id
ON CONFLICT (employee_id) DO UPDATE
SET event_time = excluded.event_time,
    scored_at = excluded.scored_at,
    topic_partition = excluded.topic_partition,
    topic_offset = excluded.topic_offset,
    departed = excluded.departed,
    prediction_id = excluded.prediction_id,
    event_id = excluded.event_id,
    probability = excluded.probability,
    band = excluded.band,
    threshold = excluded.threshold,
    model_id = excluded.model_id,
    base_log_odds = excluded.base_log_odds,
    reason_1 = excluded.reason_1,
    weight_1 = excluded.weight_1,
    reason_2 = excluded.reason_2,
    weight_2 = excluded.weight_2,
    reason_3 = excluded.reason_3,
    weight_3 = excluded.weight_3,
    department = excluded.department,
    job_role = excluded.job_role,
    trigger = excluded.trigger
WHERE (current_prediction.event_time, current_prediction.scored_at, current_prediction.topic_offset)
    < (excluded.event_time, excluded.scored_at, excluded.topic_offset)
