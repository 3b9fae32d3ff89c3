-- One row before each call. Another process may have claimed the same attempt, or have its answer
-- already: then there is none. A claim of this same process that stands already counts as made, so that
-- a lost connection does no harm.
WITH c AS (SELECT *
           FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::timestamptz[], $9::text[]) WITH ORDINALITY
                AS c (plan_id, attempt, provider, model_name, prompt_sha256, language, claimed_at,
                      copied_from, place)),
     made AS (INSERT INTO llm_call (plan_id, attempt, provider, model_name, prompt_sha256, language,
                                    claimed_at, claimed_by, copied_from)
              SELECT c.plan_id, c.attempt, c.provider, c.model_name, c.prompt_sha256, c.language,
                     c.claimed_at, $1::text, c.copied_from
              FROM c
              WHERE NOT EXISTS (SELECT
                                FROM llm_call AS a
                                WHERE a.plan_id = c.plan_id AND a.outcome = 'accepted')
              ORDER BY c.plan_id, c.attempt
              ON CONFLICT DO NOTHING
              RETURNING plan_id, attempt)
SELECT made.plan_id IS NOT NULL OR mine.plan_id IS NOT NULL AS is_claimed
FROM c
LEFT JOIN made ON made.plan_id = c.plan_id AND made.attempt = c.attempt
LEFT JOIN llm_call AS mine ON mine.plan_id = c.plan_id AND mine.attempt = c.attempt
                          AND mine.claimed_by = $1::text AND mine.finished_at IS NULL
ORDER BY c.place
