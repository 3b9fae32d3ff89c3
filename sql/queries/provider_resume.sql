-- All that are stopped where $1 is null.
UPDATE llm_provider
SET resume_requested_at = clock_timestamp()
WHERE ($1::text IS NULL OR provider = $1::text)
  AND coalesce(resume_requested_at <= stopped_at, true)
RETURNING provider, stopped_reason
