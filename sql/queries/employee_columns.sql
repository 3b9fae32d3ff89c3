SELECT count(*)
FROM pg_attribute
WHERE attrelid = 'employee'::regclass AND attnum > 0 AND NOT attisdropped
