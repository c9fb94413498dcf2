#!/bin/bash
# At the first start of an empty database: a login for each who comes, with the rights it needs.
# `revenue` and `mlflow` own their databases, `reader` only reads the prediction log.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set revenue="$REVENUE_PASSWORD" --set mlflow="$MLFLOW_PASSWORD" --set reader="$READER_PASSWORD" <<'SQL'
CREATE ROLE revenue_writer;
CREATE ROLE revenue_reader;
CREATE ROLE revenue LOGIN PASSWORD :'revenue';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
CREATE ROLE reader LOGIN PASSWORD :'reader' IN ROLE revenue_reader;
CREATE DATABASE revenue OWNER revenue;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE revenue, mlflow FROM PUBLIC;
GRANT CONNECT ON DATABASE revenue TO revenue_reader, revenue_writer;
\connect revenue
ALTER DEFAULT PRIVILEGES FOR ROLE revenue GRANT SELECT ON TABLES TO revenue_reader;
SQL
