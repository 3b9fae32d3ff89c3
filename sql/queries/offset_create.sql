INSERT INTO kafka_offset (topic, partition, owner)
VALUES ($1::text, $2::integer, gen_random_uuid()::text)
RETURNING generation, next, last_applied, last_checksum, last_applied_at, owner
