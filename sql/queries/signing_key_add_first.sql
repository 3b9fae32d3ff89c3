-- Behind signing_key_lock, so that what another has added is seen.
INSERT INTO signing_key (kid, public_key, sealed_key, signs_from, verifies_until)
SELECT $1::text, $2::bytea, $3::bytea, $4::timestamptz, $5::timestamptz
WHERE NOT EXISTS (SELECT
                  FROM signing_key
                  WHERE verifies_until IS NULL OR verifies_until > $6::timestamptz)
