-- The lock lets one at a time have the invite, and who waited for it sees it used. Where the name is
-- taken nothing is made and nothing spent. `before`: the same call again, whose answer was lost.
WITH invite AS (SELECT role
                FROM user_invite
                WHERE code_sha256 = $1::text AND used_at IS NULL AND expires_at > $4::timestamptz
                FOR UPDATE),
     made AS (INSERT INTO users (username, password_hash, role)
              SELECT $2::text, $3::text, role
              FROM invite
              ON CONFLICT (username) DO NOTHING
              RETURNING id, role),
     spent AS (UPDATE user_invite
               SET used_at = $4::timestamptz,
                   used_by = made.id
               FROM made
               WHERE user_invite.code_sha256 = $1::text),
     before AS (SELECT u.id, u.role
                FROM user_invite AS i
                JOIN users AS u ON u.id = i.used_by
                WHERE i.code_sha256 = $1::text
                  AND u.username = $2::text AND u.password_hash = $3::text)
SELECT EXISTS (SELECT FROM invite) AS is_valid, r.id, r.role
FROM (SELECT) AS one
LEFT JOIN (SELECT * FROM made UNION ALL SELECT * FROM before) AS r ON true
