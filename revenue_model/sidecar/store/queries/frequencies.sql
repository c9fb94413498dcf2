-- Predictions of a window by each value of a segment column, the most frequent first.
SELECT value COLLATE "C" AS value, sum(predictions)::bigint AS predictions, sum(revenue) AS revenue
FROM prediction_counts
WHERE segment = %(segment)s
    AND (
        (period = 'day' AND starts_at >= %(days_from)s AND starts_at < %(days_to)s)
        OR (period = 'hour' AND starts_at >= %(start)s AND starts_at < %(days_from)s)
        OR (period = 'hour' AND starts_at >= %(days_to)s AND starts_at < %(end)s)
    )
GROUP BY 1
ORDER BY predictions DESC, 1
