-- A fresh token makes this process the owner, whoever held the slot before.
INSERT INTO recorder_slot (slot, owner)
VALUES ($1::text, gen_random_uuid()::text)
ON CONFLICT (slot) DO UPDATE
SET owner = excluded.owner, taken_at = now()
RETURNING owner
