-- Take in new predictions and labels. By one sidecar at a time.
SELECT settle_installs(%(time_column)s, %(segments)s::text[])
