-- Retention: drop what is older than so many days. Returns the number of dropped days.
SELECT forget_predictions_before((now() AT TIME ZONE 'UTC')::date - %(days)s) AS dropped
