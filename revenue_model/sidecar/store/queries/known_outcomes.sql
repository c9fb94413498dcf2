-- Of these users: who has a prediction, whose 7 days are over, and whose label counts.
SELECT count(*) AS known, count(*) FILTER (WHERE matured) AS matured,
    count(*) FILTER (WHERE counted) AS counted
FROM (
    SELECT bool_or(matured) AS matured, bool_or(revenue IS NOT NULL) AS counted
    FROM realised_installs WHERE user_id = ANY(%(user_ids)s::text[]) GROUP BY user_id
) AS users
