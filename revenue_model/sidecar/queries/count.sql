-- Add the staged rows to the counts, in the key's order so that collectors cannot deadlock.
INSERT INTO prediction_counts AS counts
SELECT date_trunc('hour', predicted_at, 'UTC'), %(model_version)s, segment, value,
    count(predicted_revenue), count(error),
    count(*) FILTER (WHERE predicted_revenue < 0.005),
    coalesce(sum(predicted_revenue), 0), min(predicted_revenue), max(predicted_revenue),
    coalesce(sum(inference_time_ms) FILTER (WHERE error IS NULL), 0),
    min(predicted_at), max(predicted_at)
FROM staged
CROSS JOIN LATERAL (
    SELECT '' AS segment, '' AS value
    UNION ALL
    SELECT name, coalesce(nullif(lower(trim(inputs ->> name)), ''), '(missing)')
    FROM unnest(%(segments)s::text[]) AS name
) AS counted
GROUP BY 1, 3, 4
ORDER BY 1, 3, 4
ON CONFLICT (hour, model_version, segment, value) DO UPDATE SET
    predictions = counts.predictions + excluded.predictions,
    failures = counts.failures + excluded.failures,
    zeros = counts.zeros + excluded.zeros,
    revenue = counts.revenue + excluded.revenue,
    least_revenue = least(counts.least_revenue, excluded.least_revenue),
    most_revenue = greatest(counts.most_revenue, excluded.most_revenue),
    inference_time_ms = counts.inference_time_ms + excluded.inference_time_ms,
    first_at = least(counts.first_at, excluded.first_at),
    last_at = greatest(counts.last_at, excluded.last_at)
