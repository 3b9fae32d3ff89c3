SELECT is_on, changed_at, changed_by,
       json_build_object('is_on', is_on, 'changed_at', changed_at, 'changed_by', changed_by)::text
FROM plan_switch
