SELECT nextval('employee_number')
