UPDATE risk_episode AS r
SET closed_by = c.closed_by, closed_at = c.closed_at, closed_reason = c.closed_reason
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[])
     AS c (id, closed_by, closed_at, closed_reason)
WHERE r.id = c.id
