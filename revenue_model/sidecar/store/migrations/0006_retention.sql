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
    DELETE FROM refreshed_hours WHERE starts_at < first_day AT TIME ZONE 'UTC';
    DELETE FROM installs WHERE predicted_at < first_day AT TIME ZONE 'UTC';
    RETURN dropped;
END
$$;
REVOKE EXECUTE ON FUNCTION forget_predictions_before FROM PUBLIC;
