-- Versions side by side.

-- Two versions side by side, the later one against the earlier. What one scored in shadow of
-- the other's answer is a row with both predictions. Of versions that answered in the same
-- hour, each for a share of the users, a row has the prediction of the one that answered; a
-- user whom both answered counts for neither.
CREATE OR REPLACE VIEW compared_installs AS
SELECT true AS same_installs, shadow.model_version, answer.model_version AS against_version,
    shadow.predicted_at, shadow.predicted_revenue AS predicted,
    answer.predicted_revenue AS against_predicted, answer.revenue
FROM realised_installs AS shadow
JOIN realised_installs AS answer USING (user_id, request_id, row_number)
WHERE shadow.shadow AND NOT answer.shadow
UNION ALL
(
    WITH answers AS MATERIALIZED (
        SELECT *, date_trunc('hour', predicted_at, 'UTC') AS hour
        FROM realised_installs WHERE NOT shadow
    ), hours AS (
        SELECT DISTINCT model_version, hour FROM answers
    ), pairs AS (
        SELECT later.model_version, earlier.model_version AS against_version, hour
        FROM hours AS later JOIN hours AS earlier USING (hour)
        WHERE (length(later.model_version), later.model_version)
            > (length(earlier.model_version), earlier.model_version)
    ), arms AS (
        SELECT pairs.*, answers.user_id, answers.predicted_at, answers.predicted_revenue,
            answers.model_version = pairs.model_version AS is_later, answers.revenue
        FROM pairs JOIN answers ON answers.hour = pairs.hour
            AND answers.model_version IN (pairs.model_version, pairs.against_version)
    )
    SELECT false, arms.model_version, against_version, arms.predicted_at,
        CASE WHEN is_later THEN arms.predicted_revenue END,
        CASE WHEN NOT is_later THEN arms.predicted_revenue END, revenue
    FROM arms LEFT JOIN installs AS both_answered
        ON both_answered.user_id = arms.user_id AND NOT both_answered.shadow
        AND both_answered.model_version
            = CASE WHEN is_later THEN against_version ELSE arms.model_version END
    WHERE both_answered.user_id IS NULL
);

-- The same in one row a pair of versions, with intervals by the delta method: the variance
-- of a figure is the sum over users of their squared influence on it. A user with both
-- predictions enters once, with the difference of two influences, so what is common to both
-- falls out; a user with one enters with that. Null below 30 users on either side.
CREATE MATERIALIZED VIEW IF NOT EXISTS compared_versions AS
WITH totals AS (
    SELECT same_installs, model_version, against_version,
        min(predicted_at) AS since, max(predicted_at) AS until,
        count(predicted) AS installs, count(against_predicted) AS against_installs,
        avg(predicted) AS predicted_mean, avg(against_predicted) AS against_predicted_mean,
        count(predicted + revenue) AS labelled,
        count(against_predicted + revenue) AS against_labelled,
        sum(predicted) FILTER (WHERE revenue IS NOT NULL) AS labelled_sum,
        sum(against_predicted) FILTER (WHERE revenue IS NOT NULL) AS against_labelled_sum,
        sum(predicted) FILTER (WHERE revenue IS NOT NULL)
            / nullif(sum(revenue) FILTER (WHERE predicted IS NOT NULL), 0) AS bias,
        sum(against_predicted) FILTER (WHERE revenue IS NOT NULL)
            / nullif(sum(revenue) FILTER (WHERE against_predicted IS NOT NULL), 0)
            AS against_bias,
        avg(abs(predicted - revenue)) AS mae,
        avg(abs(against_predicted - revenue)) AS against_mae
    FROM compared_installs GROUP BY same_installs, model_version, against_version
), errors AS (
    SELECT same_installs, model_version, against_version,
        sqrt(sum((
            coalesce((predicted / nullif(predicted_mean, 0) - 1) / installs, 0)
            - coalesce(
                (against_predicted / nullif(against_predicted_mean, 0) - 1) / against_installs, 0
            )
        ) ^ 2)) AS ratio_error,
        sqrt(sum((
            coalesce((abs(predicted - revenue) - mae) / labelled, 0)
            - coalesce((abs(against_predicted - revenue) - against_mae) / against_labelled, 0)
        ) ^ 2)) AS mae_error,
        sqrt(sum(((predicted - bias * revenue) / nullif(labelled_sum, 0)) ^ 2)) AS bias_error,
        sqrt(sum(
            ((against_predicted - against_bias * revenue) / nullif(against_labelled_sum, 0)) ^ 2
        )) AS against_bias_error
    FROM compared_installs JOIN totals USING (same_installs, model_version, against_version)
    GROUP BY same_installs, model_version, against_version
), sure AS (
    SELECT *, predicted_mean / nullif(against_predicted_mean, 0) AS predicted_ratio,
        CASE WHEN least(installs, against_installs) >= 30 AND predicted_mean > 0
            AND ratio_error <= 100 THEN 1.96 * ratio_error END AS of_ratio,
        CASE WHEN least(labelled, against_labelled) >= 30 THEN 1.96 * mae_error END AS of_mae,
        CASE WHEN labelled >= 30 AND bias_error <= 100 THEN 1.96 * bias_error END AS of_bias,
        CASE WHEN against_labelled >= 30 AND against_bias_error <= 100
            THEN 1.96 * against_bias_error END AS of_against_bias
    FROM totals JOIN errors USING (same_installs, model_version, against_version)
)
SELECT same_installs, model_version, against_version, since, until,
    installs, against_installs, predicted_mean, against_predicted_mean, predicted_ratio,
    predicted_ratio * exp(-of_ratio) AS predicted_ratio_low,
    predicted_ratio * exp(of_ratio) AS predicted_ratio_high,
    labelled, against_labelled,
    bias, bias * exp(-of_bias) AS bias_low, bias * exp(of_bias) AS bias_high,
    against_bias, against_bias * exp(-of_against_bias) AS against_bias_low,
    against_bias * exp(of_against_bias) AS against_bias_high,
    mae, against_mae, mae - against_mae AS mae_difference,
    mae - against_mae - of_mae AS mae_difference_low,
    mae - against_mae + of_mae AS mae_difference_high,
    now() AS as_of
FROM sure;
CREATE UNIQUE INDEX IF NOT EXISTS compared_versions_key
    ON compared_versions (same_installs, model_version, against_version);
