-- The first of each id that is not there yet (ctid: the order in which they were copied).
INSERT INTO predictions_history
SELECT DISTINCT ON (i.id) i.*
FROM incoming_history AS i
WHERE NOT EXISTS (SELECT FROM predictions_history AS h WHERE h.id = i.id)
ORDER BY i.id, i.ctid
RETURNING id
