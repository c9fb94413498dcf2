-- The values of each column in a window of one model version.
SELECT column_name, is_number, value, sum(rows)::bigint AS rows
FROM column_counts
WHERE starts_at >= %(start)s AND starts_at < %(end)s AND model_version = %(version)s
GROUP BY column_name, is_number, value
