-- Episodes that opened in a batch, some of them closed in the same batch. The order gives ids in the
-- order of the topic.
INSERT INTO risk_episode (employee_id, opened_by, opened_at, closed_by, closed_at, closed_reason)
SELECT o.employee_id, o.opened_by, o.opened_at, o.closed_by, o.closed_at, o.closed_reason
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[])
     WITH ORDINALITY
     AS o (employee_id, opened_by, opened_at, closed_by, closed_at, closed_reason, place)
ORDER BY o.place
