-- The days that have a partition.
SELECT to_date(right(relid::regclass::text, 8), 'YYYYMMDD') AS day
FROM pg_partition_tree('predictions')
WHERE isleaf
