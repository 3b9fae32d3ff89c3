SELECT prediction_id, employee_id, event_id, event_time, scored_at, probability, band, threshold, model_id,
       base_log_odds, reason_1, weight_1, reason_2, weight_2, reason_3, weight_3, department,
       job_role, trigger, departed
FROM current_prediction
WHERE employee_id = $1::text
