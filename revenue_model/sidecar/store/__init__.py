"""The Postgres: connections, tables, named queries, and one of the sidecar's own."""
