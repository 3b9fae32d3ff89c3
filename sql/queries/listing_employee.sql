-- The attributes of the features file ($2, columns) as text, in its order; and how many of them the
-- table has no column for.
SELECT e.employee_id, e.event_id, e.event_time, e.change, e.source, e.requested_by, e.left_at,
       c.attributes, c.absent
FROM employee AS e
CROSS JOIN LATERAL (SELECT array_agg(r.row ->> n.name ORDER BY n.place) AS attributes,
                           count(*) FILTER (WHERE NOT r.row ? n.name) AS absent
                    FROM (SELECT to_jsonb(e) AS row) AS r,
                         unnest($2::text[]) WITH ORDINALITY AS n (name, place)) AS c
WHERE e.employee_id = $1::text
