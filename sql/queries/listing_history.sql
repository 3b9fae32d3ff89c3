SELECT id, employee_id, event_id, event_time, timestamp, probability, band, threshold, model_id,
       base_log_odds, reason_1, weight_1, reason_2, weight_2, reason_3, weight_3, department,
       job_role, trigger, user_id, source_topic, source_partition, source_offset
FROM predictions_history
WHERE employee_id = $1::text
  AND ($2::timestamptz IS NULL OR (timestamp, id) < ($2::timestamptz, $3::text))
ORDER BY timestamp DESC, id DESC
LIMIT $4::bigint
