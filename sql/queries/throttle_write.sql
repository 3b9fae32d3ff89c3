-- What the caller has made of the rows that throttle_lock gave it; failures null: it goes.
WITH w AS (SELECT *
           FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
                AS w (scope, subject, failures, last_failure_at, blocked_until)),
     gone AS (DELETE FROM login_throttle AS t
              USING w
              WHERE t.scope = w.scope AND t.subject = w.subject AND w.failures IS NULL)
UPDATE login_throttle AS t
SET failures = w.failures::integer,
    last_failure_at = w.last_failure_at,
    blocked_until = w.blocked_until,
    changed_at = $6::timestamptz
FROM w
WHERE t.scope = w.scope AND t.subject = w.subject AND w.failures IS NOT NULL
