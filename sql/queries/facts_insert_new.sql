-- The first of each prediction that is not there yet (ctid: the order in which they were copied).
INSERT INTO high_risk_facts
SELECT DISTINCT ON (i.prediction_id) i.*
FROM incoming_facts AS i
WHERE NOT EXISTS (SELECT FROM high_risk_facts AS f WHERE f.prediction_id = i.prediction_id)
ORDER BY i.prediction_id, i.ctid
RETURNING prediction_id
