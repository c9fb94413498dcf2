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
    GRANT SELECT, INSERT, UPDATE ON prediction_counts, column_counts, spool_files,
        model_segments, spellings TO revenue_writer;
    GRANT SELECT ON predictions, prediction_counts, column_counts, spool_files, quarantine,
        model_segments, spellings, schema_versions TO revenue_reader;
    GRANT SELECT ON outcomes, outcome_history, installs, realised_installs, training_installs,
        realised_performance, realised_versions, compared_installs, compared_versions
        TO revenue_reader;
    GRANT EXECUTE ON FUNCTION create_partition, refresh_installs, record_outcomes
        TO revenue_writer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'No rights to create roles: revenue_writer and revenue_reader are left out.';
END
$$;
