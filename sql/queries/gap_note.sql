-- Once per gap: a place that is started again before it moves finds the same one.
INSERT INTO recorder_gap (topic, partition, generation, from_offset, to_offset, reason)
SELECT $1::text, $2::integer, $3::integer, $4::bigint, $5::bigint, $6::text
WHERE NOT EXISTS (SELECT
                  FROM recorder_gap
                  WHERE topic = $1::text AND partition = $2::integer AND generation = $3::integer
                    AND from_offset = $4::bigint AND reason = $6::text)
