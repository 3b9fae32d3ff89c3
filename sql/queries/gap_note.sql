INSERT INTO recorder_gap (topic, partition, generation, from_offset, to_offset, reason)
VALUES ($1::text, $2::integer, $3::integer, $4::bigint, $5::bigint, $6::text)
