-- Segments are learned from the log: their columns, and which category a text belongs to.

-- The segment columns of a model version, as the headers of its journals name them.
CREATE TABLE model_segments (
    model_version text PRIMARY KEY,
    columns text[] NOT NULL,
    seen_at timestamptz NOT NULL
);
INSERT INTO model_segments
SELECT model_version,
    array_agg(segment ORDER BY array_position('{country,source,platform}', segment), segment),
    max(seen_at)
FROM (
    SELECT model_version, segment, max(starts_at) AS seen_at
    FROM prediction_counts WHERE period = 'day' AND segment NOT IN ('', '(shadow)')
    GROUP BY model_version, segment
) AS counted
GROUP BY model_version;

-- The category of each text in a segment column that is not written as its category. The one
-- rule is the collector's, who adds what it meets; a text that is not here is a category.
CREATE TABLE spellings (
    text text PRIMARY KEY, -- its first 200 characters
    category text NOT NULL
);

ALTER TABLE settled_hours RENAME TO refreshed_hours;
DROP FUNCTION IF EXISTS settle_installs(text, text[]);

-- What `installs` has not seen yet: its texts are looked at by SQL, for the last time.
DO $$
DECLARE
    waiting record;
BEGIN
    FOR waiting IN
        SELECT starts_at
        FROM prediction_counts AS counts LEFT JOIN refreshed_hours AS seen USING (starts_at)
        WHERE period = 'hour' AND segment IN ('', '(shadow)')
        GROUP BY starts_at, seen.predictions
        HAVING sum(counts.predictions) > coalesce(seen.predictions, 0)
    LOOP
        INSERT INTO spellings
        SELECT left(value, 200), max(category)
        FROM (
            SELECT inputs->>name AS value,
                coalesce(
                    nullif(nullif(left(lower(btrim(inputs->>name)), 100), ''), 'none'),
                    '(missing)'
                ) AS category
            FROM predictions,
                (SELECT DISTINCT unnest(columns) AS name FROM model_segments) AS segment
            WHERE predicted_at >= waiting.starts_at
                AND predicted_at < waiting.starts_at + interval '1 hour'
        ) AS logged
        WHERE value <> category
        GROUP BY 1
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

-- Bring `installs` up to date: the hours whose count of predictions has changed are read
-- again. Merging is by the earliest, so that neither order nor repetition matters.
CREATE FUNCTION refresh_installs(time_column text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    changed record;
    latest text[] := (SELECT columns FROM model_segments ORDER BY seen_at DESC LIMIT 1);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('revenue_model.settle'));
    FOR changed IN
        SELECT starts_at, sum(counts.predictions)::bigint AS predictions
        FROM prediction_counts AS counts LEFT JOIN refreshed_hours AS seen USING (starts_at)
        WHERE period = 'hour' AND segment IN ('', '(shadow)')
        GROUP BY starts_at, seen.predictions
        HAVING sum(counts.predictions) > coalesce(seen.predictions, 0)
        ORDER BY starts_at
    LOOP
        INSERT INTO installs AS kept
        SELECT user_id, model_version, prediction_id, predicted_at, before_install,
            coalesce(installed_at, predicted_at), predicted_revenue, revenue_low, revenue_high,
            (
                SELECT coalesce(
                    jsonb_object_agg(
                        name, coalesce(spelling.category, inputs->>name, '(missing)')
                    ), '{}'
                )
                FROM unnest(coalesce(known.columns, latest)) AS name
                LEFT JOIN spellings AS spelling ON spelling.text = left(inputs->>name, 200)
            ), request_id, row_number, status = 'shadow'
        FROM (
            SELECT DISTINCT ON (user_id, model_version) *,
                coalesce(predicted_at < installed_at, false) AS before_install
            FROM (
                SELECT predictions.*,
                    logged_moment(nullif(inputs->>time_column, '')) AS installed_at
                FROM predictions
                WHERE predicted_at >= changed.starts_at
                    AND predicted_at < changed.starts_at + interval '1 hour'
                    AND status IN ('answered', 'shadow')
                    AND user_id <> '' AND octet_length(user_id) <= 1000
            ) AS logged
            WHERE installed_at IS NULL OR predicted_at < installed_at + interval '7 days'
            ORDER BY user_id, model_version, before_install, predicted_at, prediction_id
        ) AS chosen LEFT JOIN model_segments AS known USING (model_version)
        ON CONFLICT (user_id, model_version) DO UPDATE SET
            prediction_id = excluded.prediction_id,
            predicted_at = excluded.predicted_at,
            before_install = excluded.before_install,
            installed_at = excluded.installed_at,
            predicted_revenue = excluded.predicted_revenue,
            revenue_low = excluded.revenue_low,
            revenue_high = excluded.revenue_high,
            segments = excluded.segments,
            request_id = excluded.request_id,
            row_number = excluded.row_number,
            shadow = excluded.shadow
        WHERE (excluded.before_install, excluded.predicted_at, excluded.prediction_id)
            < (kept.before_install, kept.predicted_at, kept.prediction_id);
        INSERT INTO refreshed_hours VALUES (changed.starts_at, changed.predictions)
        ON CONFLICT (starts_at) DO UPDATE SET predictions = excluded.predictions;
    END LOOP;
    -- /stats reads these two, and does not wait.
    REFRESH MATERIALIZED VIEW CONCURRENTLY realised_versions;
    REFRESH MATERIALIZED VIEW CONCURRENTLY compared_versions;
    REFRESH MATERIALIZED VIEW realised_performance;
END
$$;
REVOKE EXECUTE ON FUNCTION refresh_installs FROM PUBLIC;
