-- The first of each plan that is not there yet (ctid: the order in which they were copied).
INSERT INTO retention_plan
SELECT DISTINCT ON (i.plan_id) i.*
FROM incoming_plan AS i
WHERE NOT EXISTS (SELECT FROM retention_plan AS r WHERE r.plan_id = i.plan_id)
ORDER BY i.plan_id, i.ctid
RETURNING plan_id
