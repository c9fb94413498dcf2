-- Take new predictions and labels into the installs and the realised figures.
SELECT refresh_installs(%(time_column)s)
