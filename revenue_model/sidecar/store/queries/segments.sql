-- The segment columns of a model version, or of all, those of the latest first.
SELECT name
FROM model_segments, unnest(columns) WITH ORDINALITY AS each(name, place)
WHERE %(version)s::text IS NULL OR model_version = %(version)s
GROUP BY name
ORDER BY max(seen_at) DESC, min(place), name
