-- Locks the rows, also those that are not there yet: they are made, and known by their changed_at.
INSERT INTO login_throttle AS t (scope, subject, failures, last_failure_at, blocked_until, changed_at)
SELECT w.scope, w.subject, 0, 'epoch', 'epoch', 'epoch'
FROM (VALUES ('account', $1::text), ('address', $2::text), ('pair', $3::text)) AS w (scope, subject)
WHERE w.subject IS NOT NULL
ORDER BY w.scope
ON CONFLICT (scope, subject) DO UPDATE
SET changed_at = t.changed_at
RETURNING t.scope, t.failures, t.last_failure_at, t.blocked_until, t.changed_at > 'epoch' AS is_there
