-- Whom a prediction is about, and an id for a request.
SELECT employee_id, gen_random_uuid()::text FROM predictions_history WHERE id = $1::text
