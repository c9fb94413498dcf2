-- The tables of the prediction log. Safe to run again and by two sidecars at once: it runs
-- in one transaction under a lock.
SELECT pg_advisory_xact_lock(hashtext('revenue_model.schema'));

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

CREATE OR REPLACE FUNCTION add_histograms(a integer[], b integer[]) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(x + y ORDER BY i) FROM unnest(a, b) WITH ORDINALITY AS bucket(x, y, i)
$$;

-- A histogram as bytes, 4 a bucket: packed once when it is written, not at each look.
CREATE OR REPLACE FUNCTION pack_histogram(a integer[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(int4send(x), '' ORDER BY i) FROM unnest(a) WITH ORDINALITY AS bucket(x, i)
$$;

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
    revenue_histogram integer[] NOT NULL,
    inference_histogram integer[] NOT NULL,
    revenue_packed bytea GENERATED ALWAYS AS (pack_histogram(revenue_histogram)) STORED,
    inference_packed bytea GENERATED ALWAYS AS (pack_histogram(inference_histogram)) STORED,
    PRIMARY KEY (period, segment, starts_at, model_version, value)
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

-- Make the partition of a day. The name is looked up first, as creating locks the table.
CREATE OR REPLACE FUNCTION create_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    partition text := 'predictions_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(partition) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('revenue_model.partitions'));
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF predictions FOR VALUES FROM (%L) TO (%L)',
            partition, day || ' 00:00Z', day + 1 || ' 00:00Z'
        );
    END IF;
END
$$;

-- Drop the partitions before a day and what only they were needed for.
CREATE OR REPLACE FUNCTION forget_predictions_before(first_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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
    RETURN dropped;
END
$$;

REVOKE EXECUTE ON FUNCTION create_partition, forget_predictions_before FROM PUBLIC;

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
    GRANT SELECT, INSERT, UPDATE ON prediction_counts, spool_files TO revenue_writer;
    GRANT SELECT ON predictions, prediction_counts, spool_files, quarantine TO revenue_reader;
    GRANT EXECUTE ON FUNCTION create_partition TO revenue_writer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'No rights to create roles: revenue_writer and revenue_reader are left out.';
END
$$;
