-- Move the staged rows to their partitions.
INSERT INTO predictions
SELECT prediction_id, request_id, row_number, user_id, predicted_at, inference_time_ms,
    predicted_revenue, revenue_low, revenue_high, payer_probability, error, inputs,
    %(model_name)s, %(model_version)s, %(model_id)s
FROM staged
