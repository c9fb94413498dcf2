-- Rows of the log, their counts, and what became of each journal file.

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

-- How far each journal file of a spool has been read; commits together with its rows.
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
REVOKE EXECUTE ON FUNCTION create_partition FROM PUBLIC;
