-- Each band's part of the page comes out of current_prediction_listing in its order; then they are
-- merged. The order is that of the index: by falling probability (none: last), then by employee.
SELECT p.prediction_id, p.employee_id, p.event_id, p.event_time, p.scored_at, p.probability, p.band,
       p.threshold, p.model_id, p.base_log_odds, p.reason_1, p.weight_1, p.reason_2, p.weight_2,
       p.reason_3, p.weight_3, p.department, p.job_role, p.trigger
FROM unnest($1::text[]) AS b (band)
CROSS JOIN LATERAL (SELECT c.*
                    FROM current_prediction AS c
                    WHERE c.band = b.band AND NOT c.departed
                      AND ($2::text IS NULL OR c.department = $2::text)
                      AND (- coalesce(c.probability, -1), c.employee_id)
                        > ($3::double precision, $4::text)
                    ORDER BY - coalesce(c.probability, -1), c.employee_id
                    LIMIT $5::bigint) AS p
ORDER BY - coalesce(p.probability, -1), p.employee_id
LIMIT $5::bigint
