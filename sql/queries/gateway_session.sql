-- How a gateway's connections behave. What was answered with 202 must outlive a crash of the server,
-- whatever the database's default is; nobody waits at a page for long. Statements look up a few keys:
-- see recorder_session.sql.
SELECT set_config('synchronous_commit', 'on', false),
       set_config('statement_timeout', '5s', false),
       set_config('lock_timeout', '3s', false),
       set_config('idle_in_transaction_session_timeout', '10s', false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false),
       set_config('jit', 'off', false)
