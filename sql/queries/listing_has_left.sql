SELECT left_at IS NOT NULL FROM employee WHERE employee_id = $1::text
