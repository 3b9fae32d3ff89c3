-- A deliberate bug: rows that are there already are written again.
INSERT INTO predictions_history
SELECT DISTINCT ON (i.id) i.*
FROM incoming_history AS i
ORDER BY i.id, i.ctid
ON CONFLICT (id) DO UPDATE SET timestamp = excluded.timestamp, probability = excluded.probability
RETURNING id
