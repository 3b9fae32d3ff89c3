COPY incoming_history (id, timestamp, user_id, employee_id, probability, event_id, event_time,
                       band, threshold, model_id, base_log_odds, reason_1, weight_1, reason_2,
                       weight_2, reason_3, weight_3, department, job_role, trigger,
                       source_topic, source_partition, source_offset)
FROM STDIN (FORMAT binary)
