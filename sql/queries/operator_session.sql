-- Times are shown in UTC, wherever the operator is.
SELECT set_config('TimeZone', 'UTC', false)
