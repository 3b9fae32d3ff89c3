-- One runner at a time in this database; the number is ours alone.
SELECT pg_try_advisory_lock(7305140029154431)
