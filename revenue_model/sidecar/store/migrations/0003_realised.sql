-- What predictions were worth: by install, by cohort, by version.

-- A row a user and version, with the label where it counts: when the 7 days are over, and
-- when it was not measured before that.
CREATE OR REPLACE VIEW realised_installs AS
SELECT user_id, model_version, prediction_id, predicted_at, before_install, installed_at,
    predicted_revenue, revenue_low, revenue_high, segments,
    installed_at <= now() - interval '7 days' AS matured,
    CASE
        WHEN installed_at <= now() - interval '7 days'
            AND coalesce(measured_at >= installed_at + interval '7 days', true) THEN revenue
    END AS revenue,
    request_id, row_number, shadow
FROM installs LEFT JOIN outcomes USING (user_id);

-- Matured and labelled installs with what was logged of them, a row a user.
CREATE OR REPLACE VIEW training_installs AS
SELECT DISTINCT ON (user_id) user_id, realised.installed_at, realised.revenue, logged.inputs
FROM realised_installs AS realised
JOIN predictions AS logged USING (predicted_at, prediction_id, user_id)
WHERE realised.revenue IS NOT NULL
ORDER BY user_id, before_install, predicted_at, prediction_id;

-- Sums by version and cohort, of installs that are matured and labelled where money is
-- concerned: they can be added up. Renewed every minute or so and by every upload.
CREATE MATERIALIZED VIEW IF NOT EXISTS realised_performance AS
SELECT model_version,
    (installed_at AT TIME ZONE 'UTC')::date AS install_day,
    segments->>'country' AS country,
    segments->>'source' AS source,
    segments->>'platform' AS platform,
    segments, -- as above for a log with other segment columns
    count(*) AS installs,
    count(*) FILTER (WHERE matured) AS matured,
    count(revenue) AS labelled,
    count(*) FILTER (WHERE matured)::double precision / count(*) AS matured_share,
    coalesce(sum(predicted_revenue) FILTER (WHERE revenue IS NOT NULL), 0) AS predicted_sum,
    coalesce(sum(revenue), 0) AS real_sum,
    sum(predicted_revenue) FILTER (WHERE revenue IS NOT NULL) / nullif(sum(revenue), 0) AS bias,
    avg(abs(predicted_revenue - revenue)) AS mae,
    count(*) FILTER (WHERE revenue IS NOT NULL AND revenue_low IS NOT NULL)
        AS with_interval,
    avg((revenue BETWEEN revenue_low AND revenue_high)::integer::double precision)
        FILTER (WHERE revenue IS NOT NULL AND revenue_low IS NOT NULL) AS coverage,
    now() AS as_of
FROM realised_installs
GROUP BY model_version, install_day, segments;

-- The same by version alone, with the interval of the bias (a ratio of sums: its error by
-- the delta method, on the logarithmic scale) and the normalized Gini (a ratio of
-- covariances of revenue with rank, ties sharing theirs). Null where there are too few.
CREATE MATERIALIZED VIEW IF NOT EXISTS realised_versions AS
WITH ranked AS (
    SELECT *, revenue IS NOT NULL AS labelled,
        rank() OVER by_predicted + (count(*) OVER (by_predicted RANGE CURRENT ROW) - 1) / 2.0
            AS predicted_rank,
        rank() OVER by_real + (count(*) OVER (by_real RANGE CURRENT ROW) - 1) / 2.0 AS real_rank
    FROM realised_installs
    WINDOW by_predicted
            AS (PARTITION BY model_version, revenue IS NULL ORDER BY predicted_revenue),
        by_real AS (PARTITION BY model_version, revenue IS NULL ORDER BY revenue)
), totals AS (
    SELECT model_version, count(*) AS installs, count(*) FILTER (WHERE matured) AS matured,
        count(*) FILTER (WHERE labelled) AS labelled,
        coalesce(sum(predicted_revenue) FILTER (WHERE labelled), 0) AS predicted_sum,
        coalesce(sum(revenue), 0) AS real_sum,
        sum(predicted_revenue) FILTER (WHERE labelled) / nullif(sum(revenue), 0) AS bias,
        avg(abs(predicted_revenue - revenue)) AS mae,
        covar_pop(revenue, predicted_rank) / nullif(covar_pop(revenue, real_rank), 0) AS gini,
        count(*) FILTER (WHERE labelled AND revenue_low IS NOT NULL) AS with_interval,
        avg((revenue BETWEEN revenue_low AND revenue_high)::integer::double precision)
            FILTER (WHERE labelled AND revenue_low IS NOT NULL) AS coverage
    FROM ranked GROUP BY model_version
), errors AS (
    SELECT model_version,
        sqrt(sum((predicted_revenue - totals.bias * revenue) ^ 2)) / totals.predicted_sum AS error
    FROM realised_installs JOIN totals USING (model_version)
    WHERE revenue IS NOT NULL AND totals.labelled >= 30
        AND totals.predicted_sum > 0 AND totals.real_sum > 0
    GROUP BY model_version, totals.predicted_sum
)
SELECT totals.*, matured::double precision / installs AS matured_share,
    CASE WHEN error <= 100 THEN bias * exp(-1.96 * error) END AS bias_low,
    CASE WHEN error <= 100 THEN bias * exp(1.96 * error) END AS bias_high,
    now() AS as_of
FROM totals LEFT JOIN errors USING (model_version);
CREATE UNIQUE INDEX IF NOT EXISTS realised_versions_key ON realised_versions (model_version);
