-- Where a batch waits that holds a prediction whose facts are in high_risk_facts already.
CREATE TEMPORARY TABLE incoming_facts (LIKE high_risk_facts) ON COMMIT DROP
