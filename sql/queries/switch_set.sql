-- What stands already is not changed again.
UPDATE plan_switch
SET is_on = $1::boolean, changed_at = now(), changed_by = current_user
WHERE is_on <> $1::boolean
