-- Where COPY puts the lines of a segment before they are counted and stored.
CREATE TEMPORARY TABLE IF NOT EXISTS staged (LIKE predictions) ON COMMIT DELETE ROWS;
ALTER TABLE staged
    ALTER COLUMN model_name DROP NOT NULL,
    ALTER COLUMN model_version DROP NOT NULL,
    ALTER COLUMN model_id DROP NOT NULL
