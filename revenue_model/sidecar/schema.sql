-- The tables of the prediction log. Safe to run again and by two sidecars at once: it runs
-- in one transaction under a lock.
SELECT pg_advisory_xact_lock(hashtext('revenue_model.schema'));

-- One row a predicted row, one partition a day.
CREATE TABLE IF NOT EXISTS predictions (
    prediction_id uuid NOT NULL,
    request_id text NOT NULL,
    row_number integer NOT NULL,
    user_id text,
    predicted_at timestamptz NOT NULL,
    inference_time_ms double precision NOT NULL,
    predicted_revenue double precision,
    revenue_low double precision,
    revenue_high double precision,
    payer_probability double precision,
    error text,
    inputs jsonb NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    model_id text NOT NULL,
    PRIMARY KEY (predicted_at, prediction_id)
) PARTITION BY RANGE (predicted_at);

-- Counts by hour, version and segment value: /stats never reads `predictions`. Every
-- prediction is in `segment` '' once, and once in each segment column.
CREATE TABLE IF NOT EXISTS prediction_counts (
    hour timestamptz NOT NULL,
    model_version text NOT NULL,
    segment text NOT NULL,
    value text NOT NULL,
    predictions bigint NOT NULL,
    failures bigint NOT NULL,
    zeros bigint NOT NULL,
    revenue double precision NOT NULL,
    least_revenue double precision,
    most_revenue double precision,
    inference_time_ms double precision NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (hour, model_version, segment, value)
);

-- How far each segment file has been read; its rows commit together with its offset.
CREATE TABLE IF NOT EXISTS spool_files (
    name text PRIMARY KEY,
    read_to bigint NOT NULL,
    dropped bigint NOT NULL,
    stored bigint NOT NULL,
    quarantined bigint NOT NULL
);

-- Lines that are no prediction, with the reason.
CREATE TABLE IF NOT EXISTS quarantine (
    name text NOT NULL,
    read_from bigint NOT NULL,
    reason text NOT NULL,
    line bytea NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, read_from)
);
