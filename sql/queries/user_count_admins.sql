SELECT count(*) FROM users WHERE role = 'admin' AND NOT is_disabled
