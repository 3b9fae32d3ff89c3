-- What is open reads as expired by its age alone, and a key that is too old is freed when it comes
-- again: this tidies up behind, and looks back no further than it must.
UPDATE http_request
SET state = CASE state WHEN 'accepted' THEN 'expired' ELSE state END,
    idempotency_key = NULL
WHERE id = ANY (ARRAY(SELECT id
                      FROM http_request
                      WHERE created_at < $1::timestamptz
                        AND created_at >= $1::timestamptz - interval '3 days'
                        AND (state = 'accepted' OR idempotency_key IS NOT NULL)
                      ORDER BY created_at
                      LIMIT $2::bigint
                      FOR UPDATE SKIP LOCKED))
