COPY incoming_facts (prediction_id, employee_id, scored_at, band, probability, reason_1, weight_1,
                     reason_2, weight_2, reason_3, weight_3, fact_names, fact_values)
FROM STDIN (FORMAT binary)
