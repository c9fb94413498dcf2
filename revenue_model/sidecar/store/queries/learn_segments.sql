-- Keep the segment columns of a model version, and new spellings of their categories. The
-- columns are written anew now and then, so that those of the version in use come first. In
-- the key's order so that collectors cannot deadlock.
WITH learned AS (
    INSERT INTO spellings AS known (text, category)
    SELECT * FROM unnest(%(texts)s::text[], %(categories)s::text[]) ORDER BY 1
    ON CONFLICT (text) DO UPDATE SET category = excluded.category
    WHERE known.category <> excluded.category
)
INSERT INTO model_segments AS known (model_version, columns, seen_at)
VALUES (%(model_version)s, %(columns)s, now())
ON CONFLICT (model_version) DO UPDATE SET columns = excluded.columns, seen_at = now()
WHERE known.columns <> excluded.columns OR known.seen_at < now() - interval '1 hour'
