INSERT INTO recorder_conflict (table_name, prediction_id, incoming, stored)
SELECT 'retention_plan', i.prediction_id, to_jsonb(i), to_jsonb(r)
FROM incoming_plan AS i
JOIN retention_plan AS r ON r.plan_id = i.plan_id
WHERE i *<> r
