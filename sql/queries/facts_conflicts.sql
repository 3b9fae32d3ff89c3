-- *<> compares bytes, so that a weight which differs in its last bit is another one.
INSERT INTO recorder_conflict (table_name, prediction_id, incoming, stored)
SELECT 'high_risk_facts', i.prediction_id, to_jsonb(i), to_jsonb(f)
FROM incoming_facts AS i
JOIN high_risk_facts AS f ON f.prediction_id = i.prediction_id
WHERE i *<> f
