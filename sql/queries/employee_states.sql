-- The rows that a batch may replace, locked in one order for everybody.
SELECT employee_id, event_time, topic_rank, generation, source_offset, source_partition,
       left_at IS NOT NULL AS has_left
FROM employee
WHERE employee_id = ANY ($1::text[])
ORDER BY employee_id
FOR NO KEY UPDATE
