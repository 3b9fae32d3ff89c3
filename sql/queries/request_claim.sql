-- One row holds a key. It comes back, whoever's it is; only a claim that a gateway died with ($8) is
-- taken over.
INSERT INTO http_request AS h (id, user_id, kind, employee_id, body_sha256, idempotency_key, is_sent,
                               created_at)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, false, $7::timestamptz)
ON CONFLICT (user_id, kind, idempotency_key) WHERE idempotency_key IS NOT NULL DO UPDATE
SET (id, employee_id, body_sha256, created_at)
    = (SELECT excluded.id, excluded.employee_id, excluded.body_sha256, excluded.created_at
       WHERE NOT h.is_sent AND h.state = 'accepted' AND h.created_at < $8::timestamptz
       UNION ALL
       SELECT h.id, h.employee_id, h.body_sha256, h.created_at
       WHERE h.is_sent OR h.state <> 'accepted' OR h.created_at >= $8::timestamptz)
RETURNING h.id, h.user_id, h.kind, h.employee_id, h.body_sha256, h.is_sent, h.state, h.created_at,
          h.completed_at, h.result_id, h.error_code, h.error_text, h.answer, h.missing_inputs
