-- Make the partitions of these days where they are missing.
SELECT create_partition(day) FROM unnest(%(days)s::date[]) AS day ORDER BY day
