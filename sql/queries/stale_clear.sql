DELETE FROM stale_prediction
WHERE employee_id = ANY ($1::text[])
