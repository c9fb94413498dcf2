-- What became of the rows that were logged.
SELECT coalesce(sum(stored), 0)::bigint AS stored,
    coalesce(sum(quarantined), 0)::bigint AS quarantined,
    coalesce(sum(dropped), 0)::bigint AS dropped
FROM spool_files
