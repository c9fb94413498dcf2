-- Add to the counts of the columns, in the key's order so that collectors cannot deadlock.
INSERT INTO column_counts AS counts (
    starts_at, model_version, column_name, is_number, value, rows
)
SELECT starts_at, model_version, column_name, is_number, each.key, each.value::bigint
FROM json_to_recordset(%(counts)s) AS added(
    starts_at timestamptz, model_version text, column_name text, is_number boolean, counts json
), json_each_text(added.counts) AS each
ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (starts_at, model_version, column_name, is_number, value)
DO UPDATE SET rows = counts.rows + excluded.rows
