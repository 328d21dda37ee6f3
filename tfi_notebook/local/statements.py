"""The queue's tables, and those of its statements that are longer than a line."""

from __future__ import annotations

from typing import Final

TRIES_MAX: Final = 2

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    image TEXT NOT NULL,
    audio TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    progress REAL NOT NULL DEFAULT 0,
    output TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    token TEXT,
    lease_until REAL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS open_jobs ON jobs (status, seq) WHERE status IN ('QUEUED', 'STARTED');
CREATE INDEX IF NOT EXISTS claims ON jobs (token) WHERE token IS NOT NULL;
CREATE TABLE IF NOT EXISTS verdicts (
    asset TEXT NOT NULL,
    kind TEXT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (asset, kind)
) STRICT;
CREATE TABLE IF NOT EXISTS renders (
    job_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    size_px INTEGER NOT NULL,
    voice_s REAL NOT NULL,
    wall_s REAL
) STRICT;
CREATE INDEX IF NOT EXISTS finished ON renders (version, size_px) WHERE wall_s IS NOT NULL;
CREATE TABLE IF NOT EXISTS removals (
    output TEXT PRIMARY KEY,
    reason TEXT NOT NULL
) STRICT;
"""
CLAIM: Final = """
UPDATE jobs SET status = 'STARTED', worker = :worker, token = :token, lease_until = :until,
    tries = tries + 1, progress = 0, message = 'rendering locally', updated_at = :now
WHERE seq = (
    SELECT seq FROM jobs
    WHERE status = 'QUEUED' OR (status = 'STARTED' AND lease_until < :now AND tries < :most)
    ORDER BY seq LIMIT 1)
RETURNING id, token, body, image, audio, tries
"""
END_LOST: Final = """
UPDATE jobs SET status = 'FAILED', updated_at = :now,
    message = replace(:message, '{stage}', message)
WHERE status = 'STARTED' AND lease_until < :now AND tries >= :most
"""
REQUEUE: Final = """
UPDATE jobs SET status = 'QUEUED', tries = 0, progress = 0, message = '', worker = NULL,
    token = NULL, lease_until = NULL, updated_at = :now
WHERE status = 'FAILED' AND id IN (SELECT value FROM json_each(:ids))
RETURNING id
"""
EXPECT: Final = """
INSERT OR REPLACE INTO renders (job_id, version, size_px, voice_s)
VALUES (:id, :version, :size_px, :voice_s)
"""
PACES: Final = """
SELECT wall_s / voice_s AS pace FROM renders
WHERE version = :version AND size_px = :size_px AND wall_s IS NOT NULL
ORDER BY rowid DESC LIMIT :newest
"""
AHEAD: Final = """
SELECT version, size_px, sum(voice_s * (1 - progress)) AS voice_s,
    sum(status = 'STARTED') AS running
FROM jobs LEFT JOIN renders ON job_id = id
WHERE status IN ('QUEUED', 'STARTED') AND seq < (SELECT seq FROM jobs WHERE id = :id)
GROUP BY version, size_px
"""
LOST_MESSAGE: Final = (
    f"the rendering process ended unexpectedly, {TRIES_MAX} times (at the last: {{stage}})"
    " → try a smaller output_size, or look into the service's worker.log"
)
