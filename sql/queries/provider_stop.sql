INSERT INTO llm_provider (provider, stopped_reason, stopped_at, stopped_until)
VALUES ($1::text, $2::text, now(), $3::timestamptz)
ON CONFLICT (provider) DO UPDATE
SET stopped_reason = excluded.stopped_reason,
    stopped_at = excluded.stopped_at,
    stopped_until = excluded.stopped_until
