-- The model version with the most counted predictions in a window, or the one asked for.
SELECT model_version, sum(rows)::bigint AS rows
FROM column_counts
WHERE starts_at >= %(start)s AND starts_at < %(end)s AND column_name = 'predicted_revenue'
    AND (%(version)s::text IS NULL OR model_version = %(version)s)
GROUP BY model_version
ORDER BY rows DESC, model_version DESC
LIMIT 1
