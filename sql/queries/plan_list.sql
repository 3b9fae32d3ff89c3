-- The latest first; each as columns for a table, and as JSON.
SELECT r.plan_id, r.employee_id, r.status, coalesce(r.generated_by, r.refusal), r.language,
       r.created_at, r.prediction_id, row_to_json(r)::text
FROM retention_plan AS r
WHERE ($1::text IS NULL OR r.employee_id = $1::text)
  AND ($2::text IS NULL OR r.status = $2::text)
ORDER BY r.created_at DESC, r.plan_id DESC
LIMIT $3::bigint
