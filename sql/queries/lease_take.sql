-- A partition that is mine, else one that is free, in no order, so that many who start at once seldom
-- meet. Where they do, one row is left behind by the insert: somebody was faster, look again. No row
-- at all: every partition is held.
WITH candidate AS (SELECT p.partition
                   FROM generate_series(0, $2::integer - 1) AS p (partition)
                   LEFT JOIN reply_lease AS l ON l.partition = p.partition
                   WHERE l.partition IS NULL OR l.holder = $1::text OR l.leased_until < now()
                   ORDER BY l.holder IS NOT DISTINCT FROM $1::text DESC, random()
                   LIMIT 1),
     taken AS (INSERT INTO reply_lease AS l (partition, holder, leased_until)
               SELECT partition, $1::text, now() + $3::bigint * interval '1 ms'
               FROM candidate
               ON CONFLICT (partition) DO UPDATE
               SET holder = excluded.holder,
                   leased_until = excluded.leased_until
               WHERE l.holder = excluded.holder OR l.leased_until < now()
               RETURNING l.partition)
SELECT candidate.partition, taken.partition IS NOT NULL AS is_taken
FROM candidate
LEFT JOIN taken ON taken.partition = candidate.partition
