-- How far a journal was read; holds its row, so that two collectors never read it at once.
INSERT INTO spool_files (name, spool, read_to, dropped, stored, quarantined)
VALUES (%(name)s, %(spool)s, 0, 0, 0, 0)
ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING read_to, dropped, stored, quarantined
