-- What became of each journal of a spool.
SELECT name, read_to, dropped, stored, quarantined FROM spool_files WHERE spool = %(spool)s
