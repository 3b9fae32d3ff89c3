-- A fresh token makes this process the owner; whoever held the partition before misses its next
-- compare-and-set.
UPDATE kafka_offset
SET owner = gen_random_uuid()::text, updated_at = now()
WHERE topic = $1::text AND partition = $2::integer
RETURNING generation, next, last_applied, last_checksum, last_applied_at, owner
