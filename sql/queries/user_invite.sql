-- A code is random: one that is there came with the same call before.
INSERT INTO user_invite (code_sha256, role, expires_at)
VALUES ($1::text, $2::text, $3::timestamptz)
ON CONFLICT (code_sha256) DO NOTHING
