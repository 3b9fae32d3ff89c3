-- A spent refresh token is kept until it would have expired: until then it can come again.
WITH tokens AS (DELETE FROM refresh_token
                WHERE token_sha256 = ANY (ARRAY(SELECT token_sha256 FROM refresh_token
                                                WHERE expires_at <= $1::timestamptz
                                                LIMIT $2::bigint))
                RETURNING 1),
     families AS (DELETE FROM refresh_family
                  WHERE family = ANY (ARRAY(SELECT family FROM refresh_family
                                            WHERE expires_at <= $1::timestamptz
                                            LIMIT $2::bigint))
                  RETURNING 1),
     revoked AS (DELETE FROM revoked_token
                 WHERE (kind, id) IN (SELECT kind, id FROM revoked_token
                                      WHERE expires_at <= $1::timestamptz
                                      LIMIT $2::bigint)
                 RETURNING 1),
     invites AS (DELETE FROM user_invite
                 WHERE code_sha256 = ANY (ARRAY(SELECT code_sha256 FROM user_invite
                                                WHERE expires_at <= $1::timestamptz - interval '30 days'
                                                LIMIT $2::bigint))
                 RETURNING 1),
     keys AS (DELETE FROM signing_key
              WHERE kid = ANY (ARRAY(SELECT kid FROM signing_key
                                     WHERE verifies_until <= $1::timestamptz - interval '1 day'
                                     LIMIT $2::bigint))
              RETURNING 1),
     throttles AS (DELETE FROM login_throttle
                   WHERE (scope, subject) IN
                         (SELECT scope, subject FROM login_throttle
                          WHERE changed_at <= $1::timestamptz
                                              - CASE scope WHEN 'pair' THEN interval '180 days'
                                                           ELSE interval '2 days' END
                          LIMIT $2::bigint)
                   RETURNING 1)
SELECT count(*)
FROM (SELECT * FROM tokens UNION ALL SELECT * FROM families UNION ALL SELECT * FROM revoked
      UNION ALL SELECT * FROM invites UNION ALL SELECT * FROM keys
      UNION ALL SELECT * FROM throttles) AS gone
