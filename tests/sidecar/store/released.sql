-- A database as the version before `schema_versions` left it: 72 simulated predictions of two
-- versions, one of them in shadow for half the users, with labels; 12 are not yet in
-- `installs`. pg_dump --inserts --no-owner --no-acl. released.json holds what that version
-- answered from it, and what it made of it when it took in the 12.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.create_partition(day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.forget_predictions_before(first_day date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
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

CREATE FUNCTION public.logged_moment(logged text) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $_$
BEGIN
    IF logged ~ '^\d{4}-\d\d-\d\d([T ][0-9:.]+([Zz]|[+-]\d\d(:?\d\d)?)?)?$' THEN
        RETURN logged::timestamptz;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN RETURN NULL;
END
$_$;

CREATE FUNCTION public.record_outcomes(user_ids text[], revenues double precision[], times timestamp with time zone[]) RETURNS TABLE(added bigint, corrected bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.settle_installs(time_column text, segment_columns text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
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

CREATE TABLE public.column_counts (
    starts_at timestamp with time zone NOT NULL,
    model_version text NOT NULL COLLATE pg_catalog."C",
    column_name text NOT NULL COLLATE pg_catalog."C",
    is_number boolean NOT NULL,
    value text NOT NULL COLLATE pg_catalog."C",
    rows bigint NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.installs (
    user_id text NOT NULL,
    model_version text NOT NULL,
    prediction_id uuid NOT NULL,
    predicted_at timestamp with time zone NOT NULL,
    before_install boolean NOT NULL,
    installed_at timestamp with time zone NOT NULL,
    predicted_revenue double precision NOT NULL,
    revenue_low double precision,
    revenue_high double precision,
    segments jsonb NOT NULL,
    request_id text NOT NULL,
    row_number integer NOT NULL,
    shadow boolean NOT NULL
);

CREATE TABLE public.outcomes (
    user_id text NOT NULL,
    revenue double precision NOT NULL,
    measured_at timestamp with time zone,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW public.realised_installs AS
 SELECT installs.user_id,
    installs.model_version,
    installs.prediction_id,
    installs.predicted_at,
    installs.before_install,
    installs.installed_at,
    installs.predicted_revenue,
    installs.revenue_low,
    installs.revenue_high,
    installs.segments,
    (installs.installed_at <= (now() - '7 days'::interval)) AS matured,
        CASE
            WHEN ((installs.installed_at <= (now() - '7 days'::interval)) AND COALESCE((outcomes.measured_at >= (installs.installed_at + '7 days'::interval)), true)) THEN outcomes.revenue
            ELSE NULL::double precision
        END AS revenue,
    installs.request_id,
    installs.row_number,
    installs.shadow
   FROM (public.installs
     LEFT JOIN public.outcomes USING (user_id));

CREATE VIEW public.compared_installs AS
 SELECT true AS same_installs,
    shadow.model_version,
    answer.model_version AS against_version,
    shadow.predicted_at,
    shadow.predicted_revenue AS predicted,
    answer.predicted_revenue AS against_predicted,
    answer.revenue
   FROM (public.realised_installs shadow
     JOIN public.realised_installs answer USING (user_id, request_id, row_number))
  WHERE (shadow.shadow AND (NOT answer.shadow))
UNION ALL
( WITH answers AS MATERIALIZED (
         SELECT realised_installs.user_id,
            realised_installs.model_version,
            realised_installs.prediction_id,
            realised_installs.predicted_at,
            realised_installs.before_install,
            realised_installs.installed_at,
            realised_installs.predicted_revenue,
            realised_installs.revenue_low,
            realised_installs.revenue_high,
            realised_installs.segments,
            realised_installs.matured,
            realised_installs.revenue,
            realised_installs.request_id,
            realised_installs.row_number,
            realised_installs.shadow,
            date_trunc('hour'::text, realised_installs.predicted_at, 'UTC'::text) AS hour
           FROM public.realised_installs
          WHERE (NOT realised_installs.shadow)
        ), hours AS (
         SELECT DISTINCT answers.model_version,
            answers.hour
           FROM answers
        ), pairs AS (
         SELECT later.model_version,
            earlier.model_version AS against_version,
            later.hour
           FROM (hours later
             JOIN hours earlier USING (hour))
          WHERE (ROW(length(later.model_version), later.model_version) > ROW(length(earlier.model_version), earlier.model_version))
        ), arms AS (
         SELECT pairs.model_version,
            pairs.against_version,
            pairs.hour,
            answers.user_id,
            answers.predicted_at,
            answers.predicted_revenue,
            (answers.model_version = pairs.model_version) AS is_later,
            answers.revenue
           FROM (pairs
             JOIN answers ON (((answers.hour = pairs.hour) AND ((answers.model_version = pairs.model_version) OR (answers.model_version = pairs.against_version)))))
        )
 SELECT false AS same_installs,
    arms.model_version,
    arms.against_version,
    arms.predicted_at,
        CASE
            WHEN arms.is_later THEN arms.predicted_revenue
            ELSE NULL::double precision
        END AS predicted,
        CASE
            WHEN (NOT arms.is_later) THEN arms.predicted_revenue
            ELSE NULL::double precision
        END AS against_predicted,
    arms.revenue
   FROM (arms
     LEFT JOIN public.installs both_answered ON (((both_answered.user_id = arms.user_id) AND (NOT both_answered.shadow) AND (both_answered.model_version =
        CASE
            WHEN arms.is_later THEN arms.against_version
            ELSE arms.model_version
        END))))
  WHERE (both_answered.user_id IS NULL));

CREATE MATERIALIZED VIEW public.compared_versions AS
 WITH totals AS (
         SELECT compared_installs.same_installs,
            compared_installs.model_version,
            compared_installs.against_version,
            min(compared_installs.predicted_at) AS since,
            max(compared_installs.predicted_at) AS until,
            count(compared_installs.predicted) AS installs,
            count(compared_installs.against_predicted) AS against_installs,
            avg(compared_installs.predicted) AS predicted_mean,
            avg(compared_installs.against_predicted) AS against_predicted_mean,
            count((compared_installs.predicted + compared_installs.revenue)) AS labelled,
            count((compared_installs.against_predicted + compared_installs.revenue)) AS against_labelled,
            sum(compared_installs.predicted) FILTER (WHERE (compared_installs.revenue IS NOT NULL)) AS labelled_sum,
            sum(compared_installs.against_predicted) FILTER (WHERE (compared_installs.revenue IS NOT NULL)) AS against_labelled_sum,
            (sum(compared_installs.predicted) FILTER (WHERE (compared_installs.revenue IS NOT NULL)) / NULLIF(sum(compared_installs.revenue) FILTER (WHERE (compared_installs.predicted IS NOT NULL)), (0)::double precision)) AS bias,
            (sum(compared_installs.against_predicted) FILTER (WHERE (compared_installs.revenue IS NOT NULL)) / NULLIF(sum(compared_installs.revenue) FILTER (WHERE (compared_installs.against_predicted IS NOT NULL)), (0)::double precision)) AS against_bias,
            avg(abs((compared_installs.predicted - compared_installs.revenue))) AS mae,
            avg(abs((compared_installs.against_predicted - compared_installs.revenue))) AS against_mae
           FROM public.compared_installs
          GROUP BY compared_installs.same_installs, compared_installs.model_version, compared_installs.against_version
        ), errors AS (
         SELECT compared_installs.same_installs,
            compared_installs.model_version,
            compared_installs.against_version,
            sqrt(sum(((COALESCE((((compared_installs.predicted / NULLIF(totals.predicted_mean, (0)::double precision)) - (1)::double precision) / (totals.installs)::double precision), (0)::double precision) - COALESCE((((compared_installs.against_predicted / NULLIF(totals.against_predicted_mean, (0)::double precision)) - (1)::double precision) / (totals.against_installs)::double precision), (0)::double precision)) ^ (2)::double precision))) AS ratio_error,
            sqrt(sum(((COALESCE(((abs((compared_installs.predicted - compared_installs.revenue)) - totals.mae) / (totals.labelled)::double precision), (0)::double precision) - COALESCE(((abs((compared_installs.against_predicted - compared_installs.revenue)) - totals.against_mae) / (totals.against_labelled)::double precision), (0)::double precision)) ^ (2)::double precision))) AS mae_error,
            sqrt(sum((((compared_installs.predicted - (totals.bias * compared_installs.revenue)) / NULLIF(totals.labelled_sum, (0)::double precision)) ^ (2)::double precision))) AS bias_error,
            sqrt(sum((((compared_installs.against_predicted - (totals.against_bias * compared_installs.revenue)) / NULLIF(totals.against_labelled_sum, (0)::double precision)) ^ (2)::double precision))) AS against_bias_error
           FROM (public.compared_installs
             JOIN totals USING (same_installs, model_version, against_version))
          GROUP BY compared_installs.same_installs, compared_installs.model_version, compared_installs.against_version
        ), sure AS (
         SELECT totals.same_installs,
            totals.model_version,
            totals.against_version,
            totals.since,
            totals.until,
            totals.installs,
            totals.against_installs,
            totals.predicted_mean,
            totals.against_predicted_mean,
            totals.labelled,
            totals.against_labelled,
            totals.labelled_sum,
            totals.against_labelled_sum,
            totals.bias,
            totals.against_bias,
            totals.mae,
            totals.against_mae,
            errors.ratio_error,
            errors.mae_error,
            errors.bias_error,
            errors.against_bias_error,
            (totals.predicted_mean / NULLIF(totals.against_predicted_mean, (0)::double precision)) AS predicted_ratio,
                CASE
                    WHEN ((LEAST(totals.installs, totals.against_installs) >= 30) AND (totals.predicted_mean > (0)::double precision) AND (errors.ratio_error <= (100)::double precision)) THEN ((1.96)::double precision * errors.ratio_error)
                    ELSE NULL::double precision
                END AS of_ratio,
                CASE
                    WHEN (LEAST(totals.labelled, totals.against_labelled) >= 30) THEN ((1.96)::double precision * errors.mae_error)
                    ELSE NULL::double precision
                END AS of_mae,
                CASE
                    WHEN ((totals.labelled >= 30) AND (errors.bias_error <= (100)::double precision)) THEN ((1.96)::double precision * errors.bias_error)
                    ELSE NULL::double precision
                END AS of_bias,
                CASE
                    WHEN ((totals.against_labelled >= 30) AND (errors.against_bias_error <= (100)::double precision)) THEN ((1.96)::double precision * errors.against_bias_error)
                    ELSE NULL::double precision
                END AS of_against_bias
           FROM (totals
             JOIN errors USING (same_installs, model_version, against_version))
        )
 SELECT same_installs,
    model_version,
    against_version,
    since,
    until,
    installs,
    against_installs,
    predicted_mean,
    against_predicted_mean,
    predicted_ratio,
    (predicted_ratio * exp((- of_ratio))) AS predicted_ratio_low,
    (predicted_ratio * exp(of_ratio)) AS predicted_ratio_high,
    labelled,
    against_labelled,
    bias,
    (bias * exp((- of_bias))) AS bias_low,
    (bias * exp(of_bias)) AS bias_high,
    against_bias,
    (against_bias * exp((- of_against_bias))) AS against_bias_low,
    (against_bias * exp(of_against_bias)) AS against_bias_high,
    mae,
    against_mae,
    (mae - against_mae) AS mae_difference,
    ((mae - against_mae) - of_mae) AS mae_difference_low,
    ((mae - against_mae) + of_mae) AS mae_difference_high,
    now() AS as_of
   FROM sure
  WITH NO DATA;

CREATE TABLE public.outcome_history (
    user_id text NOT NULL,
    revenue double precision NOT NULL,
    measured_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL,
    replaced_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.prediction_counts (
    period text NOT NULL,
    segment text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    model_version text NOT NULL,
    value text NOT NULL,
    predictions bigint NOT NULL,
    failures bigint NOT NULL,
    dropped bigint NOT NULL,
    zeros bigint NOT NULL,
    revenue double precision NOT NULL,
    least_revenue double precision,
    most_revenue double precision,
    inference_time_ms double precision NOT NULL,
    first_at timestamp with time zone,
    last_at timestamp with time zone,
    revenue_histogram numeric NOT NULL,
    inference_histogram numeric NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.predictions (
    prediction_id uuid NOT NULL,
    request_id text NOT NULL,
    row_number integer NOT NULL,
    user_id text,
    model_name text NOT NULL,
    model_version text NOT NULL,
    model_id text NOT NULL,
    predicted_at timestamp with time zone NOT NULL,
    inference_time_ms double precision NOT NULL,
    status text NOT NULL,
    predicted_revenue double precision,
    revenue_low double precision,
    revenue_high double precision,
    payer_probability double precision,
    error text,
    inputs jsonb NOT NULL
)
PARTITION BY RANGE (predicted_at);

CREATE TABLE public.predictions_20260105 (
    prediction_id uuid CONSTRAINT predictions_prediction_id_not_null NOT NULL,
    request_id text CONSTRAINT predictions_request_id_not_null NOT NULL,
    row_number integer CONSTRAINT predictions_row_number_not_null NOT NULL,
    user_id text,
    model_name text CONSTRAINT predictions_model_name_not_null NOT NULL,
    model_version text CONSTRAINT predictions_model_version_not_null NOT NULL,
    model_id text CONSTRAINT predictions_model_id_not_null NOT NULL,
    predicted_at timestamp with time zone CONSTRAINT predictions_predicted_at_not_null NOT NULL,
    inference_time_ms double precision CONSTRAINT predictions_inference_time_ms_not_null NOT NULL,
    status text CONSTRAINT predictions_status_not_null NOT NULL,
    predicted_revenue double precision,
    revenue_low double precision,
    revenue_high double precision,
    payer_probability double precision,
    error text,
    inputs jsonb CONSTRAINT predictions_inputs_not_null NOT NULL
);

CREATE TABLE public.predictions_20260106 (
    prediction_id uuid CONSTRAINT predictions_prediction_id_not_null NOT NULL,
    request_id text CONSTRAINT predictions_request_id_not_null NOT NULL,
    row_number integer CONSTRAINT predictions_row_number_not_null NOT NULL,
    user_id text,
    model_name text CONSTRAINT predictions_model_name_not_null NOT NULL,
    model_version text CONSTRAINT predictions_model_version_not_null NOT NULL,
    model_id text CONSTRAINT predictions_model_id_not_null NOT NULL,
    predicted_at timestamp with time zone CONSTRAINT predictions_predicted_at_not_null NOT NULL,
    inference_time_ms double precision CONSTRAINT predictions_inference_time_ms_not_null NOT NULL,
    status text CONSTRAINT predictions_status_not_null NOT NULL,
    predicted_revenue double precision,
    revenue_low double precision,
    revenue_high double precision,
    payer_probability double precision,
    error text,
    inputs jsonb CONSTRAINT predictions_inputs_not_null NOT NULL
);

CREATE TABLE public.quarantine (
    name text NOT NULL,
    read_from bigint NOT NULL,
    reason text NOT NULL,
    content bytea NOT NULL,
    quarantined_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE MATERIALIZED VIEW public.realised_performance AS
 SELECT model_version,
    ((installed_at AT TIME ZONE 'UTC'::text))::date AS install_day,
    (segments ->> 'country'::text) AS country,
    (segments ->> 'source'::text) AS source,
    (segments ->> 'platform'::text) AS platform,
    segments,
    count(*) AS installs,
    count(*) FILTER (WHERE matured) AS matured,
    count(revenue) AS labelled,
    ((count(*) FILTER (WHERE matured))::double precision / (count(*))::double precision) AS matured_share,
    COALESCE(sum(predicted_revenue) FILTER (WHERE (revenue IS NOT NULL)), (0)::double precision) AS predicted_sum,
    COALESCE(sum(revenue), (0)::double precision) AS real_sum,
    (sum(predicted_revenue) FILTER (WHERE (revenue IS NOT NULL)) / NULLIF(sum(revenue), (0)::double precision)) AS bias,
    avg(abs((predicted_revenue - revenue))) AS mae,
    count(*) FILTER (WHERE ((revenue IS NOT NULL) AND (revenue_low IS NOT NULL))) AS with_interval,
    avg(((((revenue >= revenue_low) AND (revenue <= revenue_high)))::integer)::double precision) FILTER (WHERE ((revenue IS NOT NULL) AND (revenue_low IS NOT NULL))) AS coverage,
    now() AS as_of
   FROM public.realised_installs
  GROUP BY model_version, (((installed_at AT TIME ZONE 'UTC'::text))::date), segments
  WITH NO DATA;

CREATE MATERIALIZED VIEW public.realised_versions AS
 WITH ranked AS (
         SELECT realised_installs.user_id,
            realised_installs.model_version,
            realised_installs.prediction_id,
            realised_installs.predicted_at,
            realised_installs.before_install,
            realised_installs.installed_at,
            realised_installs.predicted_revenue,
            realised_installs.revenue_low,
            realised_installs.revenue_high,
            realised_installs.segments,
            realised_installs.matured,
            realised_installs.revenue,
            realised_installs.request_id,
            realised_installs.row_number,
            realised_installs.shadow,
            (realised_installs.revenue IS NOT NULL) AS labelled,
            ((rank() OVER by_predicted)::numeric + (((count(*) OVER (by_predicted RANGE CURRENT ROW) - 1))::numeric / 2.0)) AS predicted_rank,
            ((rank() OVER by_real)::numeric + (((count(*) OVER (by_real RANGE CURRENT ROW) - 1))::numeric / 2.0)) AS real_rank
           FROM public.realised_installs
          WINDOW by_predicted AS (PARTITION BY realised_installs.model_version, (realised_installs.revenue IS NULL) ORDER BY realised_installs.predicted_revenue), by_real AS (PARTITION BY realised_installs.model_version, (realised_installs.revenue IS NULL) ORDER BY realised_installs.revenue)
        ), totals AS (
         SELECT ranked.model_version,
            count(*) AS installs,
            count(*) FILTER (WHERE ranked.matured) AS matured,
            count(*) FILTER (WHERE ranked.labelled) AS labelled,
            COALESCE(sum(ranked.predicted_revenue) FILTER (WHERE ranked.labelled), (0)::double precision) AS predicted_sum,
            COALESCE(sum(ranked.revenue), (0)::double precision) AS real_sum,
            (sum(ranked.predicted_revenue) FILTER (WHERE ranked.labelled) / NULLIF(sum(ranked.revenue), (0)::double precision)) AS bias,
            avg(abs((ranked.predicted_revenue - ranked.revenue))) AS mae,
            (covar_pop(ranked.revenue, (ranked.predicted_rank)::double precision) / NULLIF(covar_pop(ranked.revenue, (ranked.real_rank)::double precision), (0)::double precision)) AS gini,
            count(*) FILTER (WHERE (ranked.labelled AND (ranked.revenue_low IS NOT NULL))) AS with_interval,
            avg(((((ranked.revenue >= ranked.revenue_low) AND (ranked.revenue <= ranked.revenue_high)))::integer)::double precision) FILTER (WHERE (ranked.labelled AND (ranked.revenue_low IS NOT NULL))) AS coverage
           FROM ranked
          GROUP BY ranked.model_version
        ), errors AS (
         SELECT realised_installs.model_version,
            (sqrt(sum(((realised_installs.predicted_revenue - (totals_1.bias * realised_installs.revenue)) ^ (2)::double precision))) / totals_1.predicted_sum) AS error
           FROM (public.realised_installs
             JOIN totals totals_1 USING (model_version))
          WHERE ((realised_installs.revenue IS NOT NULL) AND (totals_1.labelled >= 30) AND (totals_1.predicted_sum > (0)::double precision) AND (totals_1.real_sum > (0)::double precision))
          GROUP BY realised_installs.model_version, totals_1.predicted_sum
        )
 SELECT totals.model_version,
    totals.installs,
    totals.matured,
    totals.labelled,
    totals.predicted_sum,
    totals.real_sum,
    totals.bias,
    totals.mae,
    totals.gini,
    totals.with_interval,
    totals.coverage,
    ((totals.matured)::double precision / (totals.installs)::double precision) AS matured_share,
        CASE
            WHEN (errors.error <= (100)::double precision) THEN (totals.bias * exp((('-1.96'::numeric)::double precision * errors.error)))
            ELSE NULL::double precision
        END AS bias_low,
        CASE
            WHEN (errors.error <= (100)::double precision) THEN (totals.bias * exp(((1.96)::double precision * errors.error)))
            ELSE NULL::double precision
        END AS bias_high,
    now() AS as_of
   FROM (totals
     LEFT JOIN errors USING (model_version))
  WITH NO DATA;

CREATE TABLE public.settled_hours (
    starts_at timestamp with time zone NOT NULL,
    predictions bigint NOT NULL
);

CREATE TABLE public.spool_files (
    name text NOT NULL,
    spool text NOT NULL,
    read_to bigint NOT NULL,
    dropped bigint NOT NULL,
    stored bigint NOT NULL,
    quarantined bigint NOT NULL
);

CREATE VIEW public.training_installs AS
 SELECT DISTINCT ON (realised.user_id) realised.user_id,
    realised.installed_at,
    realised.revenue,
    logged.inputs
   FROM (public.realised_installs realised
     JOIN public.predictions logged USING (predicted_at, prediction_id, user_id))
  WHERE (realised.revenue IS NOT NULL)
  ORDER BY realised.user_id, realised.before_install, realised.predicted_at, realised.prediction_id;

ALTER TABLE ONLY public.predictions ATTACH PARTITION public.predictions_20260105 FOR VALUES FROM ('2026-01-05 00:00:00+00') TO ('2026-01-06 00:00:00+00');

ALTER TABLE ONLY public.predictions ATTACH PARTITION public.predictions_20260106 FOR VALUES FROM ('2026-01-06 00:00:00+00') TO ('2026-01-07 00:00:00+00');

INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'country', false, 'br', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'country', false, 'us', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'event_1', true, '0', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'event_1', true, '2', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'platform', false, 'ios', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'predicted_revenue', true, '0', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'source', false, 'ads', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'event_1', true, '0', 5);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'event_1', true, '2', 5);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'platform', false, 'ios', 10);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '0', 3);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '0.3536', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '1', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.1487', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.5946', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.7071', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'country', false, '(missing)', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'country', false, 'pe', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'country_region', false, '(missing)', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'device_family', false, 'apple iphone', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'event_1', true, '1', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'event_1', true, '2.828', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'event_2', true, '38.05', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'event_3', true, '1', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'os_version', false, '14.4', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'platform', false, 'android', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'predicted_revenue', true, '0.08839', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'predicted_revenue', true, '1.189', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'source', false, '(missing)', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 22:00:00+00', '2', 'source', false, 'organic', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'country', false, '(missing)', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'country', false, 'br', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'country', false, 'pe', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'country', false, 'us', 8);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'country_region', false, '(missing)', 20);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'device_family', false, 'apple iphone', 20);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'event_1', true, '1', 5);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'event_1', true, '2.828', 5);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'event_2', true, '38.05', 20);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'event_3', true, '1', 20);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'os_version', false, '14.4', 20);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'platform', false, 'android', 10);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '0.08839', 3);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '0.5', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '0.7071', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '0.8409', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '1.414', 2);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'source', false, '(missing)', 7);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'source', false, 'ads', 7);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'source', false, 'organic', 6);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'country', false, 'br', 4);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'country', false, 'pe', 4);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'country', false, 'us', 8);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'country_region', false, '(missing)', 20);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'device_family', false, 'apple iphone', 20);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'event_2', true, '38.05', 20);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'event_3', true, '1', 20);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'os_version', false, '14.4', 20);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'source', false, '(missing)', 7);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.25', 2);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'source', false, 'ads', 6);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'source', false, 'organic', 7);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'event_1', true, '0', 5);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'event_1', true, '2', 5);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'platform', false, 'ios', 10);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0', 4);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'country', false, '(missing)', 4);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '1.682', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '2.378', 1);
INSERT INTO public.column_counts VALUES ('2026-01-05 23:00:00+00', '2', 'predicted_revenue', true, '4', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.3536', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.5', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '6.727', 1);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'event_1', true, '1', 5);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'event_1', true, '2.828', 5);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'platform', false, 'android', 10);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.08839', 3);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '0.4204', 2);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '1.414', 2);
INSERT INTO public.column_counts VALUES ('2026-01-06 00:00:00+00', '2', 'predicted_revenue', true, '2.378', 1);

INSERT INTO public.installs VALUES ('u-0', '2', '019b905a-5dc0-7244-8e15-644c00000001', '2026-01-05 22:50:00+00', false, '2026-01-05 22:47:00+00', 0, 0, 0, '{"source": "organic", "country": "us", "platform": "ios"}', 'r-0', 1, false);
INSERT INTO public.installs VALUES ('u-1', '2', '019b905d-1ce0-7861-8796-2e7e00000001', '2026-01-05 22:53:00+00', false, '2026-01-05 22:50:00+00', 1.301, 0.43366666666666664, 3.9029999999999996, '{"source": "(missing)", "country": "pe", "platform": "android"}', 'r-1', 1, true);
INSERT INTO public.installs VALUES ('u-2', '2', '019b905f-dc00-7327-84de-42ce00000001', '2026-01-05 22:56:00+00', false, '2026-01-05 22:53:00+00', 1.348, 0.44933333333333336, 4.0440000000000005, '{"source": "ads", "country": "br", "platform": "ios"}', 'r-2', 1, false);
INSERT INTO public.installs VALUES ('u-3', '2', '019b9062-9b20-7394-8f22-adf400000001', '2026-01-05 22:59:00+00', false, '2026-01-05 22:56:00+00', 0.1, 0.03333333333333333, 0.30000000000000004, '{"source": "organic", "country": "(missing)", "platform": "android"}', 'r-3', 1, true);
INSERT INTO public.installs VALUES ('u-10', '2', '019b9075-d500-7153-8999-8fa900000001', '2026-01-05 23:20:00+00', false, '2026-01-05 23:17:00+00', 1.062, 0.35400000000000004, 3.186, '{"source": "(missing)", "country": "us", "platform": "ios"}', 'r-10', 1, false);
INSERT INTO public.installs VALUES ('u-11', '2', '019b9078-9420-7adc-81d5-23ce00000001', '2026-01-05 23:23:00+00', false, '2026-01-05 23:20:00+00', 4.684, 1.5613333333333335, 14.052, '{"source": "ads", "country": "pe", "platform": "android"}', 'r-11', 1, true);
INSERT INTO public.installs VALUES ('u-12', '2', '019b907b-5340-7503-8f9b-954f00000001', '2026-01-05 23:26:00+00', false, '2026-01-05 23:23:00+00', 0, 0, 0, '{"source": "organic", "country": "br", "platform": "ios"}', 'r-12', 1, false);
INSERT INTO public.installs VALUES ('u-13', '2', '019b907e-1260-780f-8d94-114000000001', '2026-01-05 23:29:00+00', false, '2026-01-05 23:26:00+00', 0.833, 0.2776666666666667, 2.4989999999999997, '{"source": "(missing)", "country": "(missing)", "platform": "android"}', 'r-13', 1, true);
INSERT INTO public.installs VALUES ('u-14', '2', '019b9080-d180-7215-82c5-f2f700000001', '2026-01-05 23:32:00+00', false, '2026-01-05 23:29:00+00', 0.538, 0.17933333333333334, 1.614, '{"source": "ads", "country": "us", "platform": "ios"}', 'r-14', 1, false);
INSERT INTO public.installs VALUES ('u-15', '2', '019b9083-90a0-7bde-80eb-738c00000001', '2026-01-05 23:35:00+00', false, '2026-01-05 23:32:00+00', 0.1, 0.03333333333333333, 0.30000000000000004, '{"source": "organic", "country": "us", "platform": "android"}', 'r-15', 1, true);
INSERT INTO public.installs VALUES ('u-16', '2', '019b9086-4fc0-7651-8f9d-a39600000001', '2026-01-05 23:38:00+00', false, '2026-01-05 23:35:00+00', 1.632, 0.5439999999999999, 4.896, '{"source": "(missing)", "country": "pe", "platform": "ios"}', 'r-16', 1, false);
INSERT INTO public.installs VALUES ('u-17', '2', '019b9089-0ee0-7611-8cd7-f4ae00000001', '2026-01-05 23:41:00+00', false, '2026-01-05 23:38:00+00', 1.815, 0.605, 5.445, '{"source": "ads", "country": "br", "platform": "android"}', 'r-17', 1, true);
INSERT INTO public.installs VALUES ('u-18', '2', '019b908b-ce00-7f14-8ec1-72a600000001', '2026-01-05 23:44:00+00', false, '2026-01-05 23:41:00+00', 0, 0, 0, '{"source": "organic", "country": "(missing)", "platform": "ios"}', 'r-18', 1, false);
INSERT INTO public.installs VALUES ('u-19', '2', '019b908e-8d20-79b3-806d-110e00000001', '2026-01-05 23:47:00+00', false, '2026-01-05 23:44:00+00', 1.433, 0.4776666666666667, 4.299, '{"source": "(missing)", "country": "us", "platform": "android"}', 'r-19', 1, true);
INSERT INTO public.installs VALUES ('u-20', '2', '019b9091-4c40-78bd-80a1-d1a100000001', '2026-01-05 23:50:00+00', false, '2026-01-05 23:47:00+00', 0.394, 0.13133333333333333, 1.182, '{"source": "ads", "country": "us", "platform": "ios"}', 'r-20', 1, false);
INSERT INTO public.installs VALUES ('u-21', '2', '019b9094-0b60-7ee9-8cbd-0c6f00000001', '2026-01-05 23:53:00+00', false, '2026-01-05 23:50:00+00', 0.1, 0.03333333333333333, 0.30000000000000004, '{"source": "organic", "country": "pe", "platform": "android"}', 'r-21', 1, true);
INSERT INTO public.installs VALUES ('u-22', '2', '019b9096-ca80-7847-870e-123500000001', '2026-01-05 23:56:00+00', false, '2026-01-05 23:53:00+00', 0.971, 0.32366666666666666, 2.913, '{"source": "(missing)", "country": "br", "platform": "ios"}', 'r-22', 1, false);
INSERT INTO public.installs VALUES ('u-23', '2', '019b9099-89a0-7a4f-8510-b9ce00000001', '2026-01-05 23:59:00+00', false, '2026-01-05 23:56:00+00', 2.505, 0.835, 7.515, '{"source": "ads", "country": "(missing)", "platform": "android"}', 'r-23', 1, true);
INSERT INTO public.installs VALUES ('u-4', '2', '019b9065-5a40-7bd5-8e00-531e00000001', '2026-01-05 23:02:00+00', false, '2026-01-05 22:59:00+00', 0.76, 0.25333333333333335, 2.2800000000000002, '{"source": "(missing)", "country": "us", "platform": "ios"}', 'r-4', 1, false);
INSERT INTO public.installs VALUES ('u-5', '2', '019b9068-1960-7805-8da5-0c8800000001', '2026-01-05 23:05:00+00', false, '2026-01-05 23:02:00+00', 0.592, 0.19733333333333333, 1.7759999999999998, '{"source": "ads", "country": "us", "platform": "android"}', 'r-5', 1, true);
INSERT INTO public.installs VALUES ('u-6', '2', '019b906a-d880-7cb9-87a6-bded00000001', '2026-01-05 23:08:00+00', false, '2026-01-05 23:05:00+00', 0, 0, 0, '{"source": "organic", "country": "pe", "platform": "ios"}', 'r-6', 1, false);
INSERT INTO public.installs VALUES ('u-7', '2', '019b906d-97a0-7ba2-8435-596b00000001', '2026-01-05 23:11:00+00', false, '2026-01-05 23:08:00+00', 0.862, 0.28733333333333333, 2.586, '{"source": "(missing)", "country": "br", "platform": "android"}', 'r-7', 1, true);
INSERT INTO public.installs VALUES ('u-8', '2', '019b9070-56c0-7bfa-80c5-663e00000001', '2026-01-05 23:14:00+00', false, '2026-01-05 23:11:00+00', 0.371, 0.12366666666666666, 1.113, '{"source": "ads", "country": "(missing)", "platform": "ios"}', 'r-8', 1, false);
INSERT INTO public.installs VALUES ('u-9', '2', '019b9073-15e0-736c-8f7b-263400000001', '2026-01-05 23:17:00+00', false, '2026-01-05 23:14:00+00', 0.1, 0.03333333333333333, 0.30000000000000004, '{"source": "organic", "country": "us", "platform": "android"}', 'r-9', 1, true);
INSERT INTO public.installs VALUES ('u-24', '2', '019b909c-48c0-717f-8bbe-d65000000001', '2026-01-06 00:02:00+00', false, '2026-01-05 23:59:00+00', 0, 0, 0, '{"source": "organic", "country": "us", "platform": "ios"}', 'r-24', 1, false);
INSERT INTO public.installs VALUES ('u-25', '2', '019b909f-07e0-723b-85bc-df7b00000001', '2026-01-06 00:05:00+00', false, '2026-01-06 00:02:00+00', 0.413, 0.13766666666666666, 1.2389999999999999, '{"source": "(missing)", "country": "us", "platform": "android"}', 'r-25', 1, true);
INSERT INTO public.installs VALUES ('u-26', '2', '019b90a1-c700-7a53-8d64-0ad600000001', '2026-01-06 00:08:00+00', false, '2026-01-06 00:05:00+00', 0.633, 0.211, 1.899, '{"source": "ads", "country": "pe", "platform": "ios"}', 'r-26', 1, false);
INSERT INTO public.installs VALUES ('u-27', '2', '019b90a4-8620-74e5-8fdf-5fbc00000001', '2026-01-06 00:11:00+00', false, '2026-01-06 00:08:00+00', 0.1, 0.03333333333333333, 0.30000000000000004, '{"source": "organic", "country": "br", "platform": "android"}', 'r-27', 1, true);
INSERT INTO public.installs VALUES ('u-28', '2', '019b90a7-4540-764f-81d5-460500000001', '2026-01-06 00:14:00+00', false, '2026-01-06 00:11:00+00', 0.149, 0.049666666666666665, 0.44699999999999995, '{"source": "(missing)", "country": "(missing)", "platform": "ios"}', 'r-28', 1, false);
INSERT INTO public.installs VALUES ('u-29', '2', '019b90aa-0460-7a4d-87f0-004500000001', '2026-01-06 00:17:00+00', false, '2026-01-06 00:14:00+00', 0.43, 0.14333333333333334, 1.29, '{"source": "ads", "country": "us", "platform": "android"}', 'r-29', 1, true);
INSERT INTO public.installs VALUES ('u-30', '2', '019b90ac-c380-737a-8c15-1a1800000001', '2026-01-06 00:20:00+00', false, '2026-01-06 00:17:00+00', 0, 0, 0, '{"source": "organic", "country": "us", "platform": "ios"}', 'r-30', 1, false);
INSERT INTO public.installs VALUES ('u-31', '2', '019b90af-82a0-7ac6-825f-8e5600000001', '2026-01-06 00:23:00+00', false, '2026-01-06 00:20:00+00', 0.291, 0.09699999999999999, 0.873, '{"source": "(missing)", "country": "pe", "platform": "android"}', 'r-31', 1, true);
INSERT INTO public.installs VALUES ('u-32', '2', '019b90b2-41c0-7a92-8d68-8b7900000001', '2026-01-06 00:26:00+00', false, '2026-01-06 00:23:00+00', 0.79, 0.26333333333333336, 2.37, '{"source": "ads", "country": "br", "platform": "ios"}', 'r-32', 1, false);
INSERT INTO public.installs VALUES ('u-33', '2', '019b90b5-00e0-7156-8620-8cb200000001', '2026-01-06 00:29:00+00', false, '2026-01-06 00:26:00+00', 0.1, 0.03333333333333333, 0.30000000000000004, '{"source": "organic", "country": "(missing)", "platform": "android"}', 'r-33', 1, true);
INSERT INTO public.installs VALUES ('u-34', '2', '019b90b7-c000-7c52-8cec-3afa00000001', '2026-01-06 00:32:00+00', false, '2026-01-06 00:29:00+00', 0.282, 0.09399999999999999, 0.8459999999999999, '{"source": "(missing)", "country": "us", "platform": "ios"}', 'r-34', 1, false);
INSERT INTO public.installs VALUES ('u-35', '2', '019b90ba-7f20-7df7-885f-411800000001', '2026-01-06 00:35:00+00', false, '2026-01-06 00:32:00+00', 1.674, 0.5579999999999999, 5.022, '{"source": "ads", "country": "us", "platform": "android"}', 'r-35', 1, true);

INSERT INTO public.outcome_history VALUES ('u-1', 1.17, NULL, '2026-11-28 09:05:08.479182+00', '2026-11-28 09:05:08.535477+00');

INSERT INTO public.outcomes VALUES ('u-2', 0.83, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-3', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-4', 0.08, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-6', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-7', 0.58, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-8', 0.95, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-9', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-11', 1.12, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-12', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-13', 0.22, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-14', 0.62, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-16', 0.38, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-17', 0.45, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-18', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-19', 2.89, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-21', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-22', 0.45, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-23', 0.97, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-24', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-26', 2.42, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-27', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-28', 0.56, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-29', 0.89, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-31', 1.12, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-32', 1.07, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-33', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-34', 0.29, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-36', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-37', 1.08, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-38', 3.89, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-39', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-41', 0.21, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-42', 0, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-43', 2.36, NULL, '2026-11-28 09:05:08.479182+00');
INSERT INTO public.outcomes VALUES ('u-1', 2.5, NULL, '2026-11-28 09:05:08.535477+00');

INSERT INTO public.prediction_counts VALUES ('day', '', '2026-01-05 00:00:00+00', '2', '', 12, 0, 0, 4, 7.0760000000000005, 0, 1.632, 46, '2026-01-05 22:50:00+00', '2026-01-05 23:56:00+00', 1000000000001000000000002000000000001000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004, 2000000000003000000000001000000000002000000000002000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-05 00:00:00+00', '2', '(missing)', 2, 0, 0, 1, 0.371, 0, 0.371, 7, '2026-01-05 23:14:00+00', '2026-01-05 23:44:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-05 00:00:00+00', '2', 'br', 3, 0, 0, 1, 2.319, 0, 1.348, 11, '2026-01-05 22:56:00+00', '2026-01-05 23:56:00+00', 1000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-05 00:00:00+00', '2', 'pe', 2, 0, 0, 1, 1.632, 0, 1.632, 10, '2026-01-05 23:08:00+00', '2026-01-05 23:38:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-05 00:00:00+00', '2', 'us', 5, 0, 0, 1, 2.7540000000000004, 0, 1.062, 18, '2026-01-05 22:50:00+00', '2026-01-05 23:50:00+00', 1000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000001000000000001000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'platform', '2026-01-05 00:00:00+00', '2', 'ios', 12, 0, 0, 4, 7.0760000000000005, 0, 1.632, 46, '2026-01-05 22:50:00+00', '2026-01-05 23:56:00+00', 1000000000001000000000002000000000001000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004, 2000000000003000000000001000000000002000000000002000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'source', '2026-01-05 00:00:00+00', '2', '(missing)', 4, 0, 0, 0, 4.425, 0.76, 1.632, 14, '2026-01-05 23:02:00+00', '2026-01-05 23:56:00+00', 1000000000000000000000002000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'source', '2026-01-05 00:00:00+00', '2', 'ads', 4, 0, 0, 0, 2.6510000000000002, 0.371, 1.348, 13, '2026-01-05 22:56:00+00', '2026-01-05 23:50:00+00', 1000000000000000000000000000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000000000000000001000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'source', '2026-01-05 00:00:00+00', '2', 'organic', 4, 0, 0, 4, 0, 0, 0, 19, '2026-01-05 22:50:00+00', '2026-01-05 23:44:00+00', 4, 1000000000002000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', '', '2026-01-05 22:00:00+00', '2', '', 2, 0, 0, 1, 1.348, 0, 1.348, 4, '2026-01-05 22:50:00+00', '2026-01-05 22:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', '', '2026-01-05 23:00:00+00', '2', '', 10, 0, 0, 3, 5.728, 0, 1.632, 42, '2026-01-05 23:02:00+00', '2026-01-05 23:56:00+00', 1000000000000000000000002000000000001000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003, 2000000000003000000000001000000000001000000000002000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-05 22:00:00+00', '2', 'br', 1, 0, 0, 0, 1.348, 1.348, 1.348, 3, '2026-01-05 22:56:00+00', '2026-01-05 22:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-05 22:00:00+00', '2', 'us', 1, 0, 0, 1, 0, 0, 0, 1, '2026-01-05 22:50:00+00', '2026-01-05 22:50:00+00', 1, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', '', '2026-01-06 00:00:00+00', '2', '', 10, 0, 0, 4, 9.773, 0, 7.392, 39, '2026-01-06 00:02:00+00', '2026-01-06 00:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000002000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004, 1000000000003000000000002000000000001000000000001000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-06 00:00:00+00', '2', '(missing)', 2, 0, 0, 0, 0.676, 0.149, 0.527, 5, '2026-01-06 00:14:00+00', '2026-01-06 00:44:00+00', 1000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-06 00:00:00+00', '2', 'br', 2, 0, 0, 1, 0.79, 0, 0.79, 6, '2026-01-06 00:26:00+00', '2026-01-06 00:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-06 00:00:00+00', '2', 'pe', 2, 0, 0, 1, 0.633, 0, 0.633, 8, '2026-01-06 00:08:00+00', '2026-01-06 00:38:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'country', '2026-01-06 00:00:00+00', '2', 'us', 4, 0, 0, 2, 7.674, 0, 7.392, 20, '2026-01-06 00:02:00+00', '2026-01-06 00:50:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002, 1000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'platform', '2026-01-06 00:00:00+00', '2', 'ios', 10, 0, 0, 4, 9.773, 0, 7.392, 39, '2026-01-06 00:02:00+00', '2026-01-06 00:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000002000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004, 1000000000003000000000002000000000001000000000001000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'source', '2026-01-06 00:00:00+00', '2', '(missing)', 3, 0, 0, 0, 7.823, 0.149, 7.392, 14, '2026-01-06 00:14:00+00', '2026-01-06 00:50:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000001000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'source', '2026-01-06 00:00:00+00', '2', 'ads', 3, 0, 0, 0, 1.9500000000000002, 0.527, 0.79, 15, '2026-01-06 00:08:00+00', '2026-01-06 00:44:00+00', 1000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 2000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', 'source', '2026-01-06 00:00:00+00', '2', 'organic', 4, 0, 0, 4, 0, 0, 0, 10, '2026-01-06 00:02:00+00', '2026-01-06 00:56:00+00', 4, 1000000000001000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-05 23:00:00+00', '2', '(missing)', 2, 0, 0, 1, 0.371, 0, 0.371, 7, '2026-01-05 23:14:00+00', '2026-01-05 23:44:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-05 23:00:00+00', '2', 'br', 2, 0, 0, 1, 0.971, 0, 0.971, 8, '2026-01-05 23:26:00+00', '2026-01-05 23:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-05 23:00:00+00', '2', 'pe', 2, 0, 0, 1, 1.632, 0, 1.632, 10, '2026-01-05 23:08:00+00', '2026-01-05 23:38:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-05 23:00:00+00', '2', 'us', 4, 0, 0, 0, 2.7540000000000004, 0.394, 1.062, 17, '2026-01-05 23:02:00+00', '2026-01-05 23:50:00+00', 1000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000001000000000001000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'platform', '2026-01-05 22:00:00+00', '2', 'ios', 2, 0, 0, 1, 1.348, 0, 1.348, 4, '2026-01-05 22:50:00+00', '2026-01-05 22:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'platform', '2026-01-05 23:00:00+00', '2', 'ios', 10, 0, 0, 3, 5.728, 0, 1.632, 42, '2026-01-05 23:02:00+00', '2026-01-05 23:56:00+00', 1000000000000000000000002000000000001000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003, 2000000000003000000000001000000000001000000000002000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-05 22:00:00+00', '2', 'ads', 1, 0, 0, 0, 1.348, 1.348, 1.348, 3, '2026-01-05 22:56:00+00', '2026-01-05 22:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-05 22:00:00+00', '2', 'organic', 1, 0, 0, 1, 0, 0, 0, 1, '2026-01-05 22:50:00+00', '2026-01-05 22:50:00+00', 1, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-05 23:00:00+00', '2', '(missing)', 4, 0, 0, 0, 4.425, 0.76, 1.632, 14, '2026-01-05 23:02:00+00', '2026-01-05 23:56:00+00', 1000000000000000000000002000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-05 23:00:00+00', '2', 'ads', 3, 0, 0, 0, 1.303, 0.371, 0.538, 10, '2026-01-05 23:14:00+00', '2026-01-05 23:50:00+00', 1000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-05 23:00:00+00', '2', 'organic', 3, 0, 0, 3, 0, 0, 0, 18, '2026-01-05 23:08:00+00', '2026-01-05 23:44:00+00', 3, 1000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', '(shadow)', '2026-01-05 00:00:00+00', '2', '', 12, 0, 0, 0, 14.424999999999997, 0.1, 4.684, 44, '2026-01-05 22:53:00+00', '2026-01-05 23:59:00+00', 1000000000000000000000000000000000001000000000001000000000002000000000000000000000002000000000001000000000000000000000000000000000000000000000000000000000000000000000004000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000003000000000002000000000002000000000002000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', '(shadow)', '2026-01-05 22:00:00+00', '2', '', 2, 0, 0, 0, 1.401, 0.1, 1.301, 6, '2026-01-05 22:53:00+00', '2026-01-05 22:59:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', '(shadow)', '2026-01-05 23:00:00+00', '2', '', 10, 0, 0, 0, 13.024000000000001, 0.1, 4.684, 38, '2026-01-05 23:05:00+00', '2026-01-05 23:59:00+00', 1000000000000000000000000000000000001000000000001000000000001000000000000000000000002000000000001000000000000000000000000000000000000000000000000000000000000000000000003000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000003000000000001000000000002000000000001000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-06 00:00:00+00', '2', '(missing)', 2, 0, 0, 0, 0.676, 0.149, 0.527, 5, '2026-01-06 00:14:00+00', '2026-01-06 00:44:00+00', 1000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-06 00:00:00+00', '2', 'br', 2, 0, 0, 1, 0.79, 0, 0.79, 6, '2026-01-06 00:26:00+00', '2026-01-06 00:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-06 00:00:00+00', '2', 'pe', 2, 0, 0, 1, 0.633, 0, 0.633, 8, '2026-01-06 00:08:00+00', '2026-01-06 00:38:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'country', '2026-01-06 00:00:00+00', '2', 'us', 4, 0, 0, 2, 7.674, 0, 7.392, 20, '2026-01-06 00:02:00+00', '2026-01-06 00:50:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002, 1000000000001000000000001000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'platform', '2026-01-06 00:00:00+00', '2', 'ios', 10, 0, 0, 4, 9.773, 0, 7.392, 39, '2026-01-06 00:02:00+00', '2026-01-06 00:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000002000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004, 1000000000003000000000002000000000001000000000001000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-06 00:00:00+00', '2', '(missing)', 3, 0, 0, 0, 7.823, 0.149, 7.392, 14, '2026-01-06 00:14:00+00', '2026-01-06 00:50:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 1000000000001000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-06 00:00:00+00', '2', 'ads', 3, 0, 0, 0, 1.9500000000000002, 0.527, 0.79, 15, '2026-01-06 00:08:00+00', '2026-01-06 00:44:00+00', 1000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 2000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', 'source', '2026-01-06 00:00:00+00', '2', 'organic', 4, 0, 0, 4, 0, 0, 0, 10, '2026-01-06 00:02:00+00', '2026-01-06 00:56:00+00', 4, 1000000000001000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('day', '(shadow)', '2026-01-06 00:00:00+00', '2', '', 10, 0, 0, 0, 7.6930000000000005, 0.1, 2.672, 42, '2026-01-06 00:05:00+00', '2026-01-06 00:59:00+00', 1000000000000000000000001000000000001000000000000000000000000000000000000000000000003000000000000000000000001000000000000000000000000000000000003000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 2000000000003000000000001000000000001000000000002000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', '(shadow)', '2026-01-06 00:00:00+00', '2', '', 10, 0, 0, 0, 7.6930000000000005, 0.1, 2.672, 42, '2026-01-06 00:05:00+00', '2026-01-06 00:59:00+00', 1000000000000000000000001000000000001000000000000000000000000000000000000000000000003000000000000000000000001000000000000000000000000000000000003000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, 2000000000003000000000001000000000001000000000002000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.prediction_counts VALUES ('hour', '', '2026-01-06 00:00:00+00', '2', '', 10, 0, 0, 4, 9.773, 0, 7.392, 39, '2026-01-06 00:02:00+00', '2026-01-06 00:56:00+00', 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000002000000000000000000000000000000000001000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004, 1000000000003000000000002000000000001000000000001000000000000000000000002000000000000000000000000000000000000000000000000000000000000000000000000000000000000);

INSERT INTO public.predictions_20260105 VALUES ('019b905a-5dc0-7244-8e15-644c00000001', 'r-0', 1, 'u-0', 'revenue', '2', 'm-2', '2026-01-05 22:50:00+00', 1, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": "us", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T22:47:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b905f-dc00-7327-84de-42ce00000001', 'r-2', 1, 'u-2', 'revenue', '2', 'm-2', '2026-01-05 22:56:00+00', 3, 'answered', 1.348, 0.44933333333333336, 4.0440000000000005, NULL, NULL, '{"source": "ads", "country": "Br", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T22:53:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9065-5a40-7bd5-8e00-531e00000001', 'r-4', 1, 'u-4', 'revenue', '2', 'm-2', '2026-01-05 23:02:00+00', 5, 'answered', 0.76, 0.25333333333333335, 2.2800000000000002, NULL, NULL, '{"source": "None", "country": "US ", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T22:59:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b906a-d880-7cb9-87a6-bded00000001', 'r-6', 1, 'u-6', 'revenue', '2', 'm-2', '2026-01-05 23:08:00+00', 7, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": " PE", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:05:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9070-56c0-7bfa-80c5-663e00000001', 'r-8', 1, 'u-8', 'revenue', '2', 'm-2', '2026-01-05 23:14:00+00', 2, 'answered', 0.371, 0.12366666666666666, 1.113, NULL, NULL, '{"source": "ads", "country": null, "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:11:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9075-d500-7153-8999-8fa900000001', 'r-10', 1, 'u-10', 'revenue', '2', 'm-2', '2026-01-05 23:20:00+00', 4, 'answered', 1.062, 0.35400000000000004, 3.186, NULL, NULL, '{"source": "None", "country": "us", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:17:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b907b-5340-7503-8f9b-954f00000001', 'r-12', 1, 'u-12', 'revenue', '2', 'm-2', '2026-01-05 23:26:00+00', 6, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": "Br", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:23:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9080-d180-7215-82c5-f2f700000001', 'r-14', 1, 'u-14', 'revenue', '2', 'm-2', '2026-01-05 23:32:00+00', 1, 'answered', 0.538, 0.17933333333333334, 1.614, NULL, NULL, '{"source": "ads", "country": "US ", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:29:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9086-4fc0-7651-8f9d-a39600000001', 'r-16', 1, 'u-16', 'revenue', '2', 'm-2', '2026-01-05 23:38:00+00', 3, 'answered', 1.632, 0.5439999999999999, 4.896, NULL, NULL, '{"source": "None", "country": " PE", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:35:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b908b-ce00-7f14-8ec1-72a600000001', 'r-18', 1, 'u-18', 'revenue', '2', 'm-2', '2026-01-05 23:44:00+00', 5, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": null, "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:41:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9091-4c40-78bd-80a1-d1a100000001', 'r-20', 1, 'u-20', 'revenue', '2', 'm-2', '2026-01-05 23:50:00+00', 7, 'answered', 0.394, 0.13133333333333333, 1.182, NULL, NULL, '{"source": "ads", "country": "us", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:47:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9096-ca80-7847-870e-123500000001', 'r-22', 1, 'u-22', 'revenue', '2', 'm-2', '2026-01-05 23:56:00+00', 2, 'answered', 0.971, 0.32366666666666666, 2.913, NULL, NULL, '{"source": "None", "country": "Br", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:53:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b905d-1ce0-7861-8796-2e7e00000001', 'r-1', 1, 'u-1', 'revenue', '2', 'm-2', '2026-01-05 22:53:00+00', 2, 'shadow', 1.301, 0.43366666666666664, 3.9029999999999996, NULL, NULL, '{"source": "None", "country": " PE", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T22:50:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9062-9b20-7394-8f22-adf400000001', 'r-3', 1, 'u-3', 'revenue', '2', 'm-2', '2026-01-05 22:59:00+00', 4, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": null, "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T22:56:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9068-1960-7805-8da5-0c8800000001', 'r-5', 1, 'u-5', 'revenue', '2', 'm-2', '2026-01-05 23:05:00+00', 6, 'shadow', 0.592, 0.19733333333333333, 1.7759999999999998, NULL, NULL, '{"source": "ads", "country": "us", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:02:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b906d-97a0-7ba2-8435-596b00000001', 'r-7', 1, 'u-7', 'revenue', '2', 'm-2', '2026-01-05 23:11:00+00', 1, 'shadow', 0.862, 0.28733333333333333, 2.586, NULL, NULL, '{"source": "None", "country": "Br", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:08:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9073-15e0-736c-8f7b-263400000001', 'r-9', 1, 'u-9', 'revenue', '2', 'm-2', '2026-01-05 23:17:00+00', 3, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": "US ", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:14:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9078-9420-7adc-81d5-23ce00000001', 'r-11', 1, 'u-11', 'revenue', '2', 'm-2', '2026-01-05 23:23:00+00', 5, 'shadow', 4.684, 1.5613333333333335, 14.052, NULL, NULL, '{"source": "ads", "country": " PE", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:20:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b907e-1260-780f-8d94-114000000001', 'r-13', 1, 'u-13', 'revenue', '2', 'm-2', '2026-01-05 23:29:00+00', 7, 'shadow', 0.833, 0.2776666666666667, 2.4989999999999997, NULL, NULL, '{"source": "None", "country": null, "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:26:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9083-90a0-7bde-80eb-738c00000001', 'r-15', 1, 'u-15', 'revenue', '2', 'm-2', '2026-01-05 23:35:00+00', 2, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": "us", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:32:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9089-0ee0-7611-8cd7-f4ae00000001', 'r-17', 1, 'u-17', 'revenue', '2', 'm-2', '2026-01-05 23:41:00+00', 4, 'shadow', 1.815, 0.605, 5.445, NULL, NULL, '{"source": "ads", "country": "Br", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:38:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b908e-8d20-79b3-806d-110e00000001', 'r-19', 1, 'u-19', 'revenue', '2', 'm-2', '2026-01-05 23:47:00+00', 6, 'shadow', 1.433, 0.4776666666666667, 4.299, NULL, NULL, '{"source": "None", "country": "US ", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:44:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9094-0b60-7ee9-8cbd-0c6f00000001', 'r-21', 1, 'u-21', 'revenue', '2', 'm-2', '2026-01-05 23:53:00+00', 1, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": " PE", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:50:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260105 VALUES ('019b9099-89a0-7a4f-8510-b9ce00000001', 'r-23', 1, 'u-23', 'revenue', '2', 'm-2', '2026-01-05 23:59:00+00', 3, 'shadow', 2.505, 0.835, 7.515, NULL, NULL, '{"source": "ads", "country": null, "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-05T23:56:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');

INSERT INTO public.predictions_20260106 VALUES ('019b909c-48c0-717f-8bbe-d65000000001', 'r-24', 1, 'u-24', 'revenue', '2', 'm-2', '2026-01-06 00:02:00+00', 4, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": "US ", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-05T23:59:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90a1-c700-7a53-8d64-0ad600000001', 'r-26', 1, 'u-26', 'revenue', '2', 'm-2', '2026-01-06 00:08:00+00', 6, 'answered', 0.633, 0.211, 1.899, NULL, NULL, '{"source": "ads", "country": " PE", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:05:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90a7-4540-764f-81d5-460500000001', 'r-28', 1, 'u-28', 'revenue', '2', 'm-2', '2026-01-06 00:14:00+00', 1, 'answered', 0.149, 0.049666666666666665, 0.44699999999999995, NULL, NULL, '{"source": "None", "country": null, "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:11:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90ac-c380-737a-8c15-1a1800000001', 'r-30', 1, 'u-30', 'revenue', '2', 'm-2', '2026-01-06 00:20:00+00', 3, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": "us", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:17:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90b2-41c0-7a92-8d68-8b7900000001', 'r-32', 1, 'u-32', 'revenue', '2', 'm-2', '2026-01-06 00:26:00+00', 5, 'answered', 0.79, 0.26333333333333336, 2.37, NULL, NULL, '{"source": "ads", "country": "Br", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:23:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90b7-c000-7c52-8cec-3afa00000001', 'r-34', 1, 'u-34', 'revenue', '2', 'm-2', '2026-01-06 00:32:00+00', 7, 'answered', 0.282, 0.09399999999999999, 0.8459999999999999, NULL, NULL, '{"source": "None", "country": "US ", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:29:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b909f-07e0-723b-85bc-df7b00000001', 'r-25', 1, 'u-25', 'revenue', '2', 'm-2', '2026-01-06 00:05:00+00', 5, 'shadow', 0.413, 0.13766666666666666, 1.2389999999999999, NULL, NULL, '{"source": "None", "country": "us", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:02:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90a4-8620-74e5-8fdf-5fbc00000001', 'r-27', 1, 'u-27', 'revenue', '2', 'm-2', '2026-01-06 00:11:00+00', 7, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": "Br", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:08:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90aa-0460-7a4d-87f0-004500000001', 'r-29', 1, 'u-29', 'revenue', '2', 'm-2', '2026-01-06 00:17:00+00', 2, 'shadow', 0.43, 0.14333333333333334, 1.29, NULL, NULL, '{"source": "ads", "country": "US ", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:14:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90af-82a0-7ac6-825f-8e5600000001', 'r-31', 1, 'u-31', 'revenue', '2', 'm-2', '2026-01-06 00:23:00+00', 4, 'shadow', 0.291, 0.09699999999999999, 0.873, NULL, NULL, '{"source": "None", "country": " PE", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:20:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90b5-00e0-7156-8620-8cb200000001', 'r-33', 1, 'u-33', 'revenue', '2', 'm-2', '2026-01-06 00:29:00+00', 6, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": null, "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:26:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90ba-7f20-7df7-885f-411800000001', 'r-35', 1, 'u-35', 'revenue', '2', 'm-2', '2026-01-06 00:35:00+00', 1, 'shadow', 1.674, 0.5579999999999999, 5.022, NULL, NULL, '{"source": "ads", "country": "us", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:32:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90bd-3e40-788a-8dae-dc0f00000001', 'r-36', 1, 'u-36', 'revenue', '2', 'm-2', '2026-01-06 00:38:00+00', 2, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": " PE", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:35:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90c2-bc80-7a35-8d72-74cd00000001', 'r-38', 1, 'u-38', 'revenue', '2', 'm-2', '2026-01-06 00:44:00+00', 4, 'answered', 0.527, 0.17566666666666667, 1.581, NULL, NULL, '{"source": "ads", "country": null, "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:41:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90c8-3ac0-70f9-8d24-106300000001', 'r-40', 1, 'u-40', 'revenue', '2', 'm-2', '2026-01-06 00:50:00+00', 6, 'answered', 7.392, 2.464, 22.176000000000002, NULL, NULL, '{"source": "None", "country": "us", "event_1": 0.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:47:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90cd-b900-7f81-8404-6b8300000001', 'r-42', 1, 'u-42', 'revenue', '2', 'm-2', '2026-01-06 00:56:00+00', 1, 'answered', 0, 0, 0, NULL, NULL, '{"source": "Organic", "country": "Br", "event_1": 2.0, "event_2": 42.0, "event_3": 1.0, "platform": "iOS", "os_version": "14.4", "installed_at": "2026-01-06T00:53:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90bf-fd60-7d24-8693-d36500000001', 'r-37', 1, 'u-37', 'revenue', '2', 'm-2', '2026-01-06 00:41:00+00', 3, 'shadow', 1.452, 0.484, 4.356, NULL, NULL, '{"source": "None", "country": "Br", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:38:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90c5-7ba0-7651-87ca-dc4000000001', 'r-39', 1, 'u-39', 'revenue', '2', 'm-2', '2026-01-06 00:47:00+00', 5, 'shadow', 0.1, 0.03333333333333333, 0.30000000000000004, NULL, NULL, '{"source": "Organic", "country": "US ", "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:44:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90ca-f9e0-77b8-8049-a4f900000001', 'r-41', 1, 'u-41', 'revenue', '2', 'm-2', '2026-01-06 00:53:00+00', 7, 'shadow', 2.672, 0.8906666666666667, 8.016, NULL, NULL, '{"source": "ads", "country": " PE", "event_1": 1.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:50:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');
INSERT INTO public.predictions_20260106 VALUES ('019b90d0-7820-739d-8ea8-fce700000001', 'r-43', 1, 'u-43', 'revenue', '2', 'm-2', '2026-01-06 00:59:00+00', 2, 'shadow', 0.461, 0.15366666666666667, 1.383, NULL, NULL, '{"source": "None", "country": null, "event_1": 3.0, "event_2": 42.0, "event_3": 1.0, "platform": "android", "os_version": "14.4", "installed_at": "2026-01-06T00:56:00+00:00", "device_family": "Apple iPhone", "country_region": ""}');

INSERT INTO public.quarantine VALUES ('stranger.log', 0, 'no header of a segment (JSONDecodeError)', '\x676172626167650a', '2026-11-28 09:05:08.574113+00');

INSERT INTO public.settled_hours VALUES ('2026-01-05 22:00:00+00', 4);
INSERT INTO public.settled_hours VALUES ('2026-01-05 23:00:00+00', 20);
INSERT INTO public.settled_hours VALUES ('2026-01-06 00:00:00+00', 12);

INSERT INTO public.spool_files VALUES ('stranger.log', 'vm:/tmp/tmpzfeyek43', 8, 0, 0, 1);
INSERT INTO public.spool_files VALUES ('vm-24707-1767653400000000000.log', 'vm:/tmp/tmpzfeyek43', 7974, 0, 22, 0);
INSERT INTO public.spool_files VALUES ('vm-24707-1767653580000000000.log', 'vm:/tmp/tmpzfeyek43', 8229, 0, 22, 0);

ALTER TABLE ONLY public.column_counts
    ADD CONSTRAINT column_counts_pkey PRIMARY KEY (starts_at, model_version, column_name, is_number, value);

ALTER TABLE ONLY public.installs
    ADD CONSTRAINT installs_pkey PRIMARY KEY (user_id, model_version);

ALTER TABLE ONLY public.outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.prediction_counts
    ADD CONSTRAINT prediction_counts_pkey PRIMARY KEY (period, segment, starts_at, model_version, value);

ALTER TABLE ONLY public.predictions
    ADD CONSTRAINT predictions_pkey PRIMARY KEY (predicted_at, prediction_id);

ALTER TABLE ONLY public.predictions_20260105
    ADD CONSTRAINT predictions_20260105_pkey PRIMARY KEY (predicted_at, prediction_id);

ALTER TABLE ONLY public.predictions_20260106
    ADD CONSTRAINT predictions_20260106_pkey PRIMARY KEY (predicted_at, prediction_id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (name, read_from);

ALTER TABLE ONLY public.settled_hours
    ADD CONSTRAINT settled_hours_pkey PRIMARY KEY (starts_at);

ALTER TABLE ONLY public.spool_files
    ADD CONSTRAINT spool_files_pkey PRIMARY KEY (name);

CREATE UNIQUE INDEX compared_versions_key ON public.compared_versions USING btree (same_installs, model_version, against_version);

CREATE INDEX installs_predicted_at ON public.installs USING btree (predicted_at);

CREATE INDEX outcome_history_user_id ON public.outcome_history USING btree (user_id);

CREATE UNIQUE INDEX realised_versions_key ON public.realised_versions USING btree (model_version);

ALTER INDEX public.predictions_pkey ATTACH PARTITION public.predictions_20260105_pkey;

ALTER INDEX public.predictions_pkey ATTACH PARTITION public.predictions_20260106_pkey;

REFRESH MATERIALIZED VIEW public.compared_versions;

REFRESH MATERIALIZED VIEW public.realised_performance;

REFRESH MATERIALIZED VIEW public.realised_versions;
