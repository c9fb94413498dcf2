-- Labels, and the installs that they are about.

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
REVOKE EXECUTE ON FUNCTION record_outcomes FROM PUBLIC;
