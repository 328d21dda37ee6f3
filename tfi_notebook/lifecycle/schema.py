"""The ledger's tables, and the way from each older version of them to the next."""

from __future__ import annotations

import sqlite3

from tfi_notebook.errors import LedgerError

_TO_1 = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    local INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    raw_status TEXT NOT NULL,
    job_id TEXT,
    message TEXT NOT NULL,
    output TEXT,
    path TEXT,
    credit_used TEXT,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL
) STRICT;
CREATE INDEX jobs_by_fingerprint ON jobs (service, fingerprint);
CREATE INDEX jobs_by_job_id ON jobs (job_id);
CREATE INDEX jobs_by_status ON jobs (service, status);
"""

# Version 2 knows who owns a row and when each status was reached. The triggers write the history,
# so that no statement can change a status and forget to say so; an intent that gets its id has been
# accepted, whatever status came along. There is no index on it: a history is asked for seldom, and
# every submit would pay for it. What version 1 knew of the times is taken over.
_TO_2 = """
ALTER TABLE jobs ADD COLUMN owner TEXT;
ALTER TABLE jobs ADD COLUMN changed_at REAL;
UPDATE jobs SET changed_at = coalesce(finished_at, started_at, created_at);
CREATE TABLE transitions (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    status TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
INSERT INTO transitions (key, status, at) SELECT key, 'intent', created_at FROM jobs ORDER BY seq;
INSERT INTO transitions (key, status, at)
    SELECT key, 'processing', started_at FROM jobs WHERE started_at IS NOT NULL ORDER BY seq;
INSERT INTO transitions (key, status, at)
    SELECT key, status, changed_at FROM jobs
    WHERE status <> 'intent' AND NOT (status = 'processing' AND started_at IS NOT NULL)
    ORDER BY seq;
CREATE TRIGGER jobs_new AFTER INSERT ON jobs BEGIN
    INSERT INTO transitions (key, status, at) VALUES (NEW.key, NEW.status, NEW.changed_at);
END;
CREATE TRIGGER jobs_changed AFTER UPDATE OF status ON jobs WHEN OLD.status <> NEW.status BEGIN
    INSERT INTO transitions (key, status, at) SELECT NEW.key, 'accepted', NEW.changed_at
        WHERE OLD.status = 'intent' AND NEW.job_id IS NOT NULL AND NEW.status <> 'accepted';
    INSERT INTO transitions (key, status, at) VALUES (NEW.key, NEW.status, NEW.changed_at);
END;
DROP INDEX jobs_by_job_id;
DROP INDEX jobs_by_status;
CREATE INDEX jobs_by_job_id ON jobs (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX jobs_under_way ON jobs (service)
    WHERE status IN ('intent', 'accepted', 'queued', 'processing', 'other');
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token TEXT NOT NULL,
    expires_at REAL NOT NULL,
    expires_tick_s REAL NOT NULL
) STRICT;
"""

# Version 3 knows whose key a row was sent with, as a hash with a salt of this file, and what a row
# was submitted again for: that one is closed in the very transaction that brings the new row's id.
# The names of this machine are one name.
_TO_3 = """
ALTER TABLE jobs ADD COLUMN account TEXT;
ALTER TABLE jobs ADD COLUMN replaces TEXT;
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
INSERT INTO kept VALUES ('salt', randomblob(16));
CREATE TRIGGER jobs_replaced AFTER UPDATE OF job_id ON jobs
    WHEN OLD.job_id IS NULL AND NEW.job_id IS NOT NULL AND NEW.replaces IS NOT NULL BEGIN
    UPDATE jobs SET status = 'written_off', message = 'submitted again as ' || NEW.job_id,
        changed_at = NEW.changed_at WHERE key = NEW.replaces AND status = 'unknown';
END;
UPDATE jobs SET service = replace(service, '://localhost', '://127.0.0.1')
    WHERE service || '/' GLOB 'http*://localhost[:/]*';
UPDATE jobs SET service = replace(service, '://[::1]', '://127.0.0.1')
    WHERE service || '/' GLOB 'http*://[[]::1][:/]*';
"""

# Version 4 knows runs of sweeps. A part is what a sweep brought in; its points are written down in
# batches as the run reaches them. Where a point stands is no column: the job that its fingerprint
# has had since `since` says it, and a payload that was submitted before the run counts as well.
_TO_4 = """
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    tally TEXT NOT NULL,
    max_in_flight INTEGER NOT NULL,
    budget_credits TEXT,
    created_at REAL NOT NULL,
    UNIQUE (service, name)
) STRICT;
CREATE TABLE run_parts (
    run INTEGER NOT NULL,
    part INTEGER NOT NULL,
    digest TEXT NOT NULL,
    axes TEXT NOT NULL,
    base TEXT NOT NULL,
    total INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    created_at REAL NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (run, part),
    UNIQUE (run, digest)
) STRICT;
CREATE TABLE run_points (
    run INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    part INTEGER NOT NULL,
    place INTEGER NOT NULL,
    axes TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    problem TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (run, idx)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX run_points_by_fingerprint ON run_points (run, fingerprint)
    WHERE fingerprint <> '';
"""

_STEPS = (_TO_1, _TO_2, _TO_3, _TO_4)
VERSION = len(_STEPS)
"""The version that this code reads and writes, kept in `PRAGMA user_version`."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables of an open file to `VERSION`, all steps or none.

    Args:
        db: a connection in autocommit mode.

    Raises:
        LedgerError: the file was written by a newer version of this package.
        sqlite3.Error: it cannot be read or written.
    """
    if _version(db) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        # read again: another kernel may have migrated while this one waited for the lock
        for number, step in enumerate(_STEPS[_version(db) :], start=_version(db) + 1):
            for statement in _statements(step):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise LedgerError(
            "the ledger was written by a newer version",
            hint="update tfi-notebook, or name another file: tfi.connect(ledger=...)",
        )
    return int(version)


def _statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit the transaction around it."""
    found, pending = [], ""
    for line in script.strip().splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):  # a trigger's body is part of its statement
            found.append(pending)
            pending = ""
    return found
