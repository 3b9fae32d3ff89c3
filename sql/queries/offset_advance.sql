-- Compare-and-set of many positions: the number of rows must be the number of steps, or another
-- process owns one of the partitions. A step without a record (the end of a partition, behind
-- control records) keeps what was applied last.
UPDATE kafka_offset AS k
SET next = s.next,
    last_applied = coalesce(s.last_applied, k.last_applied),
    last_checksum = coalesce(s.last_checksum, k.last_checksum),
    last_applied_at = coalesce(s.last_applied_at, k.last_applied_at),
    updated_at = now()
FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::timestamptz[])
     AS s (topic, partition, owner, expected, next, last_applied, last_checksum, last_applied_at)
WHERE k.topic = s.topic
  AND k.partition = s.partition
  AND k.next = s.expected
  AND k.owner = s.owner
