-- Keep a line that is no prediction. Reading it again adds nothing.
INSERT INTO quarantine (name, read_from, reason, line)
VALUES (%(name)s, %(read_from)s, %(reason)s, %(line)s)
ON CONFLICT (name, read_from) DO NOTHING
