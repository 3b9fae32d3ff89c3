SELECT scope, failures, last_failure_at, blocked_until
FROM login_throttle
WHERE (scope, subject) IN (('account', $1::text), ('address', $2::text), ('pair', $3::text))
