-- What must be known of these employees before the next values, in the order asked for.
SELECT c.event_time, c.scored_at, c.topic_offset, c.departed,
       s.employee_id IS NOT NULL AS is_stale,
       e.id, e.opened_at, e.closed_at
FROM unnest($1::text[]) WITH ORDINALITY AS w (employee_id, place)
LEFT JOIN current_prediction AS c ON c.employee_id = w.employee_id
LEFT JOIN stale_prediction AS s ON s.employee_id = w.employee_id
LEFT JOIN LATERAL (SELECT r.id, r.opened_at, r.closed_at
                   FROM risk_episode AS r
                   WHERE r.employee_id = w.employee_id
                   ORDER BY r.id DESC
                   LIMIT 1) AS e ON true
ORDER BY w.place
