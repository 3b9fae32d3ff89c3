-- *<> compares bytes, so that a probability which differs in its last bit is another one.
INSERT INTO recorder_conflict (prediction_id, incoming, stored)
SELECT i.id, to_jsonb(i), to_jsonb(h)
FROM incoming_history AS i
JOIN predictions_history AS h ON h.id = i.id
WHERE i *<> h
