-- What the gateway knows. Rows are taken in one order by all who write them. What the recorder has
-- said of a request stays.
INSERT INTO http_request AS h (id, user_id, kind, employee_id, body_sha256, created_at)
SELECT DISTINCT ON (r.id) r.id, r.user_id, r.kind, r.employee_id, r.body_sha256, r.created_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
     WITH ORDINALITY AS r (id, user_id, kind, employee_id, body_sha256, created_at, place)
ORDER BY r.id, r.place
ON CONFLICT (id) DO UPDATE
SET user_id = excluded.user_id,
    kind = excluded.kind,
    employee_id = coalesce(excluded.employee_id, h.employee_id),
    body_sha256 = excluded.body_sha256,
    created_at = excluded.created_at,
    is_sent = true
