DELETE FROM http_request
WHERE id = ANY (ARRAY(SELECT id
                      FROM http_request
                      WHERE created_at < $1::timestamptz
                      ORDER BY created_at
                      LIMIT $2::bigint
                      FOR UPDATE SKIP LOCKED))
