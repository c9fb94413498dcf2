-- Keep which segment columns a model version has. Written anew now and then, so that the
-- columns of the version in use come first.
INSERT INTO model_segments AS known (model_version, columns, seen_at)
VALUES (%(model_version)s, %(columns)s, now())
ON CONFLICT (model_version) DO UPDATE SET columns = excluded.columns, seen_at = now()
WHERE known.columns <> excluded.columns OR known.seen_at < now() - interval '1 hour'
