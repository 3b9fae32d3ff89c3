-- Of a name that stands twice the first is taken. In the order of the names, so that two imports at
-- once do not wait for each other.
WITH u AS (SELECT *, row_number() OVER (PARTITION BY username ORDER BY place) AS turn
           FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
                AS u (username, password_hash, role, place)),
     made AS (INSERT INTO users (username, password_hash, role)
              SELECT username, password_hash, role
              FROM u
              WHERE turn = 1
              ORDER BY username
              ON CONFLICT (username) DO NOTHING
              RETURNING username)
SELECT made.username IS NOT NULL AS is_created
FROM u
LEFT JOIN made ON made.username = u.username AND u.turn = 1
ORDER BY u.place
