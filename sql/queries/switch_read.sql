SELECT is_on, changed_at, changed_by FROM plan_switch
