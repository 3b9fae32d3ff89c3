INSERT INTO stale_prediction (employee_id, topic_partition, topic_offset)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[])
