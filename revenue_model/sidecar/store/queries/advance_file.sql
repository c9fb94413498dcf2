-- The rows up to this offset are stored; commits with them.
UPDATE spool_files
SET read_to = %(read_to)s, dropped = %(dropped)s,
    stored = %(stored)s, quarantined = %(quarantined)s
WHERE name = %(name)s
