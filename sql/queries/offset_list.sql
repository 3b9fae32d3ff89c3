SELECT topic, partition, generation, next, last_applied, last_checksum, last_applied_at, owner
FROM kafka_offset
ORDER BY topic, partition
