-- Predictions by each value of each segment column, the most frequent first.
SELECT segment, value, sum(predictions)::bigint AS predictions,
    sum(revenue) AS sum_predicted_revenue,
    sum(revenue) / nullif(sum(predictions), 0) AS mean_predicted_revenue
FROM prediction_counts
WHERE segment <> ''
GROUP BY segment, value
ORDER BY segment, predictions DESC, value
