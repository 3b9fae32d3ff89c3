-- Where a batch waits that holds an id which is in predictions_history already.
CREATE TEMPORARY TABLE incoming_history (LIKE predictions_history) ON COMMIT DROP
