SELECT row_to_json(employee)::text FROM employee WHERE employee_id = $1
