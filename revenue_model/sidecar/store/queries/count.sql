-- Add to the counts, in the key's order so that collectors cannot deadlock.
INSERT INTO prediction_counts AS counts (
    period, segment, starts_at, model_version, value, predictions, failures, dropped, zeros,
    revenue, least_revenue, most_revenue, inference_time_ms, first_at, last_at,
    revenue_histogram, inference_histogram
)
SELECT period, segment, starts_at, model_version, value, predictions, failures, dropped,
    zeros, revenue, least_revenue, most_revenue, inference_time_ms, first_at, last_at,
    revenue_histogram, inference_histogram
FROM json_populate_recordset(NULL::prediction_counts, %(counts)s)
ORDER BY period, segment, starts_at, model_version, value
ON CONFLICT (period, segment, starts_at, model_version, value) DO UPDATE SET
    predictions = counts.predictions + excluded.predictions,
    failures = counts.failures + excluded.failures,
    dropped = counts.dropped + excluded.dropped,
    zeros = counts.zeros + excluded.zeros,
    revenue = counts.revenue + excluded.revenue,
    least_revenue = least(counts.least_revenue, excluded.least_revenue),
    most_revenue = greatest(counts.most_revenue, excluded.most_revenue),
    inference_time_ms = counts.inference_time_ms + excluded.inference_time_ms,
    first_at = least(counts.first_at, excluded.first_at),
    last_at = greatest(counts.last_at, excluded.last_at),
    revenue_histogram = counts.revenue_histogram + excluded.revenue_histogram,
    inference_histogram = counts.inference_histogram + excluded.inference_histogram
