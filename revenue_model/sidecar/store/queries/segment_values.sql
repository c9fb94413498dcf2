-- Predictions of a window by each value of the segment columns, the most frequent first.
SELECT segment, value COLLATE "C" AS value, sum(predictions)::bigint AS predictions,
    sum(revenue) AS revenue
FROM prediction_counts
WHERE segment = ANY(%(segments)s)
    AND (
        (period = 'day' AND starts_at >= %(days_from)s AND starts_at < %(days_to)s)
        OR (period = 'hour' AND starts_at >= %(start)s AND starts_at < %(days_from)s)
        OR (period = 'hour' AND starts_at >= %(days_to)s AND starts_at < %(end)s)
    )
GROUP BY 1, 2
ORDER BY predictions DESC, 1, 2
