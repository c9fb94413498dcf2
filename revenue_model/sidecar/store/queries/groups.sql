-- Predictions of a window by segment value, model version, day or hour; what a version only
-- scored in shadow is a group of its own beside its answers. Whole days come
-- from the daily counts, what is left of the window at its ends from the hourly ones.
-- Bytes are compared, not a language's order: sorting is most of the work.
SELECT (CASE %(group)s
        WHEN 'model_version' THEN concat_ws(' ', model_version, nullif(segment, ''))
        WHEN 'day' THEN to_char(starts_at, 'YYYY-MM-DD')
        WHEN 'hour' THEN to_char(starts_at, 'YYYY-MM-DD"T"HH24:00"Z"')
        ELSE value
    END) COLLATE "C" AS value,
    sum(predictions)::bigint AS predictions,
    sum(failures)::bigint AS failures,
    sum(dropped)::bigint AS dropped,
    sum(zeros)::bigint AS zeros,
    sum(revenue) AS revenue,
    min(least_revenue) AS least_revenue,
    max(most_revenue) AS most_revenue,
    sum(inference_time_ms) AS inference_time_ms,
    min(first_at) AS first_at,
    max(last_at) AS last_at,
    sum(revenue_histogram)::text AS revenue_histogram,
    sum(inference_histogram)::text AS inference_histogram
FROM prediction_counts
WHERE segment IN (%(segment)s, CASE %(group)s WHEN 'model_version' THEN '(shadow)' END)
    AND (
        (period = 'day' AND starts_at >= %(days_from)s AND starts_at < %(days_to)s)
        OR (period = 'hour' AND starts_at >= %(start)s AND starts_at < %(days_from)s)
        OR (period = 'hour' AND starts_at >= %(days_to)s AND starts_at < %(end)s)
    )
GROUP BY 1
