"""The Postgres: connections, `migrations/` (numbered, each run once), `queries/` (each with a
reason), and a Postgres of the sidecar's own for who has none.
"""
