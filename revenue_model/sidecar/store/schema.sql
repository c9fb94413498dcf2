-- The tables of the prediction log. Safe to run again and by two sidecars at once: it runs
-- in one transaction under a lock, and beside no new partition, which changes the same table.
SELECT pg_advisory_xact_lock(hashtext('revenue_model.schema')),
    pg_advisory_xact_lock(hashtext('revenue_model.partitions'));
-- What the functions below keep as theirs. Unless it is named, a caller's own temporary
-- schema comes first, and with it tables of the same names and their triggers.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- One row a predicted row, one partition a day (UTC). The key refuses a line read twice.
CREATE TABLE IF NOT EXISTS predictions (
    prediction_id uuid NOT NULL,
    request_id text NOT NULL,
    row_number integer NOT NULL,
    user_id text,
    model_name text NOT NULL,
    model_version text NOT NULL,
    model_id text NOT NULL,
    predicted_at timestamptz NOT NULL,
    inference_time_ms double precision NOT NULL,
    status text NOT NULL,
    predicted_revenue double precision,
    revenue_low double precision,
    revenue_high double precision,
    payer_probability double precision,
    error text,
    inputs jsonb NOT NULL,
    PRIMARY KEY (predicted_at, prediction_id)
) PARTITION BY RANGE (predicted_at);

-- Sums by hour and by day, model version and segment value: /stats never reads
-- `predictions`. Every prediction counts once in segment '' and once in each segment
-- column. docs/prediction-log.md tells the bounds of the histograms.
CREATE TABLE IF NOT EXISTS prediction_counts (
    period text NOT NULL, -- hour or day
    segment text NOT NULL,
    starts_at timestamptz NOT NULL,
    model_version text NOT NULL,
    value text NOT NULL,
    predictions bigint NOT NULL,
    failures bigint NOT NULL,
    dropped bigint NOT NULL, -- at the time the collector learned of it, in segment '' only
    zeros bigint NOT NULL,
    revenue double precision NOT NULL,
    least_revenue double precision,
    most_revenue double precision,
    inference_time_ms double precision NOT NULL,
    first_at timestamptz,
    last_at timestamptz,
    -- One number a histogram, 12 digits a bucket, the first bucket the lowest: to add two
    -- histograms is to add two numbers.
    revenue_histogram numeric NOT NULL,
    inference_histogram numeric NOT NULL,
    PRIMARY KEY (period, segment, starts_at, model_version, value)
) WITH (fillfactor = 70);

-- An older table has arrays of counts.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'prediction_counts'::regclass
            AND attname = 'revenue_histogram' AND atttypid = 'integer[]'::regtype
    ) THEN
        CREATE OR REPLACE FUNCTION histogram_number(counts integer[]) RETURNS numeric
        LANGUAGE sql IMMUTABLE AS $pack$
            SELECT string_agg(lpad(n::text, 12, '0'), '' ORDER BY i DESC)::numeric
            FROM unnest(counts) WITH ORDINALITY AS bucket(n, i)
        $pack$;
        ALTER TABLE prediction_counts
            DROP COLUMN IF EXISTS revenue_packed, DROP COLUMN IF EXISTS inference_packed;
        ALTER TABLE prediction_counts
            ALTER revenue_histogram TYPE numeric USING histogram_number(revenue_histogram),
            ALTER inference_histogram TYPE numeric USING histogram_number(inference_histogram);
        DROP FUNCTION histogram_number;
        DROP FUNCTION IF EXISTS pack_histogram, add_histograms;
    END IF;
END
$$;

-- Rows by hour, model version, column and value: a category, or the lower bound of a
-- number's bin. /drift reads nothing else.
CREATE TABLE IF NOT EXISTS column_counts (
    starts_at timestamptz NOT NULL,
    model_version text COLLATE "C" NOT NULL,
    column_name text COLLATE "C" NOT NULL, -- of the inputs, and predicted_revenue
    is_number boolean NOT NULL,
    value text COLLATE "C" NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (starts_at, model_version, column_name, is_number, value)
) WITH (fillfactor = 70);

-- How far each segment file of a spool has been read; commits together with its rows.
CREATE TABLE IF NOT EXISTS spool_files (
    name text PRIMARY KEY,
    spool text NOT NULL,
    read_to bigint NOT NULL,
    dropped bigint NOT NULL,
    stored bigint NOT NULL,
    quarantined bigint NOT NULL
);

-- What is no prediction: where it stood, why, and the bytes themselves.
CREATE TABLE IF NOT EXISTS quarantine (
    name text NOT NULL,
    read_from bigint NOT NULL,
    reason text NOT NULL,
    content bytea NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, read_from)
);

-- Make the partition of a day. It is attached, not created in its place: so nobody who reads
-- the log is waited for.
CREATE OR REPLACE FUNCTION create_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    partition text := 'predictions_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(partition) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('revenue_model.partitions'));
    END IF;
    IF to_regclass(partition) IS NULL THEN -- nor did another make it meanwhile
        EXECUTE format('CREATE TABLE %I (LIKE predictions INCLUDING ALL)', partition);
        EXECUTE format(
            'ALTER TABLE predictions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, day || ' 00:00Z', day + 1 || ' 00:00Z'
        );
    END IF;
END
$$;

-- What each user really brought, as the last file said. What it said before is kept.
CREATE TABLE IF NOT EXISTS outcomes (
    user_id text PRIMARY KEY,
    revenue double precision NOT NULL, -- USD in the first 7 days
    measured_at timestamptz, -- null: not told
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS outcome_history (
    user_id text NOT NULL,
    revenue double precision NOT NULL,
    measured_at timestamptz,
    received_at timestamptz NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS outcome_history_user_id ON outcome_history (user_id);

-- The one prediction that counts for a user and version: the first after the install.
CREATE TABLE IF NOT EXISTS installs (
    user_id text NOT NULL,
    model_version text NOT NULL,
    prediction_id uuid NOT NULL,
    predicted_at timestamptz NOT NULL,
    before_install boolean NOT NULL, -- only where there is none after it
    installed_at timestamptz NOT NULL, -- predicted_at where it was not logged
    predicted_revenue double precision NOT NULL,
    revenue_low double precision,
    revenue_high double precision,
    segments jsonb NOT NULL,
    request_id text NOT NULL,
    row_number integer NOT NULL,
    shadow boolean NOT NULL, -- scored beside the answer of another version
    PRIMARY KEY (user_id, model_version)
);
CREATE INDEX IF NOT EXISTS installs_predicted_at ON installs (predicted_at);

-- How many predictions of an hour `installs` has seen.
CREATE TABLE IF NOT EXISTS settled_hours (
    starts_at timestamptz PRIMARY KEY,
    predictions bigint NOT NULL
);

-- An older table knew no requests: it is filled again from the log. The figures of then
-- had an interval for however few installs; they are made again below.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'installs'::regclass AND attname = 'shadow'
    ) THEN
        DROP MATERIALIZED VIEW IF EXISTS realised_versions;
        TRUNCATE installs, settled_hours;
        ALTER TABLE installs ADD COLUMN request_id text NOT NULL,
            ADD COLUMN row_number integer NOT NULL, ADD COLUMN shadow boolean NOT NULL;
    END IF;
END
$$;

-- A logged text as a moment, null when it is none. It must not stop a query.
CREATE OR REPLACE FUNCTION logged_moment(logged text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF logged ~ '^\d{4}-\d\d-\d\d([T ][0-9:.]+([Zz]|[+-]\d\d(:?\d\d)?)?)?$' THEN
        RETURN logged::timestamptz;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN RETURN NULL;
END
$$;

-- Bring `installs` up to date: the hours whose count of predictions has changed are read
-- again. Merging is by the earliest, so that neither order nor repetition matters.
CREATE OR REPLACE FUNCTION settle_installs(time_column text, segment_columns text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    changed record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('revenue_model.settle'));
    FOR changed IN
        SELECT starts_at, sum(counts.predictions)::bigint AS predictions
        FROM prediction_counts AS counts LEFT JOIN settled_hours AS settled USING (starts_at)
        WHERE period = 'hour' AND segment IN ('', '(shadow)')
        GROUP BY starts_at, settled.predictions
        HAVING sum(counts.predictions) > coalesce(settled.predictions, 0)
        ORDER BY starts_at
    LOOP
        INSERT INTO installs AS kept
        SELECT DISTINCT ON (user_id, model_version)
            user_id, model_version, prediction_id, predicted_at,
            coalesce(predicted_at < installed_at, false) AS before_install,
            coalesce(installed_at, predicted_at), predicted_revenue, revenue_low, revenue_high,
            (
                SELECT coalesce(
                    jsonb_object_agg(
                        name,
                        coalesce(
                            nullif(nullif(left(lower(btrim(inputs->>name)), 100), ''), 'none'),
                            '(missing)'
                        )
                    ), '{}'
                ) FROM unnest(segment_columns) AS name
            ), request_id, row_number, status = 'shadow'
        FROM (
            SELECT predictions.*,
                logged_moment(nullif(inputs->>time_column, '')) AS installed_at
            FROM predictions
            WHERE predicted_at >= changed.starts_at
                AND predicted_at < changed.starts_at + interval '1 hour'
                AND status IN ('answered', 'shadow') AND user_id <> '' AND octet_length(user_id) <= 1000
        ) AS logged
        WHERE installed_at IS NULL OR predicted_at < installed_at + interval '7 days'
        ORDER BY user_id, model_version, before_install, predicted_at, prediction_id
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
        INSERT INTO settled_hours VALUES (changed.starts_at, changed.predictions)
        ON CONFLICT (starts_at) DO UPDATE SET predictions = excluded.predictions;
    END LOOP;
    -- /stats reads these two, and does not wait.
    REFRESH MATERIALIZED VIEW CONCURRENTLY realised_versions;
    REFRESH MATERIALIZED VIEW CONCURRENTLY compared_versions;
    REFRESH MATERIALIZED VIEW realised_performance;
END
$$;

-- Take labels: the last word counts, and the same again changes nothing. One label a user.
CREATE OR REPLACE FUNCTION record_outcomes(
    user_ids text[], revenues double precision[], times timestamptz[]
) RETURNS TABLE (added bigint, corrected bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('revenue_model.outcomes'));
    RETURN QUERY
    WITH given AS (
        SELECT * FROM unnest(user_ids, revenues, times) AS row(user_id, revenue, measured_at)
    ), before AS (
        SELECT kept.* FROM outcomes AS kept JOIN given USING (user_id)
        WHERE kept.revenue <> given.revenue OR kept.measured_at <> given.measured_at
            OR (kept.measured_at IS NULL AND given.measured_at IS NOT NULL)
    ), history AS (
        INSERT INTO outcome_history (user_id, revenue, measured_at, received_at)
        SELECT user_id, revenue, measured_at, received_at FROM before
    ), written AS (
        INSERT INTO outcomes AS kept (user_id, revenue, measured_at)
        SELECT given.user_id, given.revenue, given.measured_at
        FROM given LEFT JOIN outcomes AS same USING (user_id)
        WHERE same.user_id IS NULL OR EXISTS (SELECT FROM before WHERE user_id = given.user_id)
        ON CONFLICT (user_id) DO UPDATE SET
            revenue = excluded.revenue,
            measured_at = excluded.measured_at,
            received_at = excluded.received_at
        RETURNING user_id
    )
    SELECT (SELECT count(*) FROM written) - (SELECT count(*) FROM before),
        (SELECT count(*) FROM before);
END
$$;

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

-- Drop the partitions before a day and what only they were needed for. While somebody reads
-- the log it refuses, with lock_not_available: others who read would have to wait behind it.
CREATE OR REPLACE FUNCTION forget_predictions_before(first_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('revenue_model.partitions'));
    FOR partition IN
        SELECT relid::regclass::text FROM pg_partition_tree('predictions')
        WHERE isleaf AND to_date(right(relid::regclass::text, 8), 'YYYYMMDD') < first_day
    LOOP
        EXECUTE format('DROP TABLE %s', partition);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM prediction_counts
    WHERE period = 'hour' AND starts_at < first_day AT TIME ZONE 'UTC';
    DELETE FROM column_counts WHERE starts_at < first_day AT TIME ZONE 'UTC';
    DELETE FROM settled_hours WHERE starts_at < first_day AT TIME ZONE 'UTC';
    DELETE FROM installs WHERE predicted_at < first_day AT TIME ZONE 'UTC';
    RETURN dropped;
END
$$;

REVOKE EXECUTE ON FUNCTION create_partition, forget_predictions_before, settle_installs,
    record_outcomes FROM PUBLIC;

-- Two roles to grant to logins: one that only writes, one that only reads. Whoever may not
-- create roles goes without them.
DO $$
BEGIN
    BEGIN
        IF to_regrole('revenue_writer') IS NULL THEN CREATE ROLE revenue_writer; END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    BEGIN
        IF to_regrole('revenue_reader') IS NULL THEN CREATE ROLE revenue_reader; END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    GRANT INSERT ON predictions, quarantine TO revenue_writer;
    GRANT SELECT (name, read_from) ON quarantine TO revenue_writer; -- to add nothing twice
    GRANT SELECT, INSERT, UPDATE ON prediction_counts, column_counts, spool_files TO revenue_writer;
    GRANT SELECT ON predictions, prediction_counts, column_counts, spool_files, quarantine
        TO revenue_reader;
    GRANT SELECT ON outcomes, outcome_history, installs, realised_installs, training_installs,
        realised_performance, realised_versions, compared_installs, compared_versions
        TO revenue_reader;
    GRANT EXECUTE ON FUNCTION create_partition, settle_installs, record_outcomes
        TO revenue_writer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'No rights to create roles: revenue_writer and revenue_reader are left out.';
END
$$;
