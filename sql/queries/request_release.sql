DELETE FROM http_request WHERE id = $1::text AND state = 'accepted'
