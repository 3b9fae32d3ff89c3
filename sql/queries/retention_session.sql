-- How the retention worker's connection behaves. A claim and an answer must outlive a crash of the
-- server, whatever the database's default is. Statements look up a few keys: see recorder_session.sql.
SELECT set_config('synchronous_commit', 'on', false),
       set_config('statement_timeout', '10s', false),
       set_config('lock_timeout', '5s', false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false),
       set_config('jit', 'off', false)
