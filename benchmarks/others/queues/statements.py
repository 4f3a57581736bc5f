"""A queue of the plainest kind in SQLite: three statements, each of which is a transaction of its own."""

LEASE = 30.0

OPEN = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL DEFAULT 0,
  lease_until REAL, payload TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_ready ON jobs(id) WHERE state = 0;
"""
PUT = "INSERT INTO jobs(payload) VALUES (?)"
TAKE = """
UPDATE jobs SET state = 1, lease_until = ?
WHERE id = (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT 1) RETURNING id, payload
"""
DONE = "DELETE FROM jobs WHERE id = ? AND state = 1"
FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO jobs(payload) SELECT ? FROM n
"""
