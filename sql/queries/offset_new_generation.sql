-- The topic was made again: its offsets count from the beginning, and what was applied last was in
-- the log before. Without an owner, whoever held a partition misses its next compare-and-set.
UPDATE kafka_offset
SET generation = generation + 1,
    next = 0,
    last_applied = NULL,
    last_checksum = NULL,
    last_applied_at = NULL,
    owner = '',
    updated_at = now()
WHERE topic = $1::text
