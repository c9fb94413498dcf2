-- Keep what is no prediction. Reading it again adds nothing.
INSERT INTO quarantine (name, read_from, reason, content)
VALUES (%(name)s, %(read_from)s, %(reason)s, %(content)s)
ON CONFLICT (name, read_from) DO NOTHING
