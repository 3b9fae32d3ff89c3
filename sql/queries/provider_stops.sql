-- Whether each is stopped, but for stopped_until, which is for the reader's clock to compare.
SELECT p.provider IS NOT NULL AND coalesce(p.resume_requested_at <= p.stopped_at, true) AS is_stopped,
       p.stopped_reason, p.stopped_until
FROM unnest($1::text[]) WITH ORDINALITY AS w (provider, place)
LEFT JOIN llm_provider AS p ON p.provider = w.provider
ORDER BY w.place
