SELECT generation, next, last_applied, last_checksum, last_applied_at, owner
FROM kafka_offset
WHERE topic = $1::text AND partition = $2::integer
