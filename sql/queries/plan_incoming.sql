-- Where a batch waits that holds a plan which is in retention_plan already.
CREATE TEMPORARY TABLE incoming_plan (LIKE retention_plan) ON COMMIT DROP
