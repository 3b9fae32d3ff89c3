-- The second half: the same call again, whose first answer was lost. No other account has this hash,
-- since its salt is random.
WITH made AS (INSERT INTO users (username, password_hash, role)
              VALUES ($1::text, $2::text, $3::text)
              ON CONFLICT (username) DO NOTHING
              RETURNING id)
SELECT id
FROM made
UNION ALL
SELECT id
FROM users
WHERE username = $1::text AND password_hash = $2::text
