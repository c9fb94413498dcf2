-- All predictions in one row; without any, zeros and nulls.
SELECT coalesce(sum(predictions), 0)::bigint AS total_predictions,
    coalesce(sum(failures), 0)::bigint AS failed_predictions,
    min(first_at) AS first_prediction,
    max(last_at) AS last_prediction,
    sum(revenue) AS sum_predicted_revenue,
    sum(revenue) / nullif(sum(predictions), 0) AS mean_predicted_revenue,
    min(least_revenue) AS min_predicted_revenue,
    max(most_revenue) AS max_predicted_revenue,
    (sum(zeros) / nullif(sum(predictions), 0))::double precision AS zero_share,
    sum(inference_time_ms) / nullif(sum(predictions), 0) AS mean_inference_time_ms
FROM prediction_counts
WHERE segment = ''
