-- By day (UTC) and provider, of the last $1 days; answers that were copied are no calls.
SELECT u.day, u.provider, u.calls, u.accepted, u.unfinished, u.input_tokens, u.output_tokens,
       u.cost_microusd, row_to_json(u)::text
FROM (SELECT (claimed_at AT TIME ZONE 'UTC')::date::text AS day, provider,
             count(*) AS calls,
             count(*) FILTER (WHERE outcome = 'accepted') AS accepted,
             count(*) FILTER (WHERE outcome IS NULL) AS unfinished,
             coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
             coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
             coalesce(sum(cost_microusd), 0)::bigint AS cost_microusd
      FROM llm_call
      WHERE copied_from IS NULL
        AND claimed_at >= ((now() AT TIME ZONE 'UTC')::date - ($1::bigint - 1)::integer)::timestamp
                          AT TIME ZONE 'UTC'
      GROUP BY 1, 2) AS u
ORDER BY u.day DESC, u.provider
