-- How a recorder's connection behaves. Rows and positions roll back together and the topic still
-- holds what was lost, so a commit need not wait for the disk. The time-outs end what a stalled
-- process or a foreign lock would hold for ever: they stay under the client's own limit and under
-- max.poll.interval.ms. Every statement looks up some thousand keys: the planner would rather read a
-- whole table of a hundred thousand rows, which takes three times as long and grows with the table;
-- and compiling such short statements costs more than running them.
SELECT set_config('synchronous_commit', 'off', false),
       set_config('statement_timeout', '30s', false),
       set_config('lock_timeout', '10s', false),
       set_config('idle_in_transaction_session_timeout', '15s', false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false),
       set_config('jit', 'off', false)
