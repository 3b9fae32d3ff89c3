WITH added AS (INSERT INTO signing_key (kid, public_key, sealed_key, signs_from, verifies_until)
               VALUES ($1::text, $2::bytea, $3::bytea, $4::timestamptz, $5::timestamptz)
               ON CONFLICT (kid) DO NOTHING
               RETURNING kid),
     ending AS (UPDATE signing_key
                SET verifies_until = $6::timestamptz
                FROM added
                WHERE signing_key.verifies_until IS NULL AND signing_key.kid <> added.kid)
SELECT count(*) FROM added
