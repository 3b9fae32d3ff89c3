-- One at a time makes or replaces keys; the number is ours alone. Until the end of the transaction.
SELECT pg_advisory_xact_lock(7305140029154432)
