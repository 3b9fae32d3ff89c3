COPY incoming_current (employee_id, event_time, scored_at, topic_partition, topic_offset, departed,
                       prediction_id, event_id, probability, band, threshold, model_id,
                       base_log_odds, reason_1, weight_1, reason_2, weight_2, reason_3, weight_3,
                       department, job_role, trigger)
FROM STDIN (FORMAT binary)
