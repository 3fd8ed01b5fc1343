-- Devices that move in from another server: who has come, and by which certificate the others are expected.

ALTER TABLE authorities ADD COLUMN taken_until_at INTEGER;
UPDATE authorities SET taken_until_at = created_at + 2592000000 WHERE state = 'imported';

CREATE TABLE moves (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    source        TEXT NOT NULL CHECK (source IN ('nano', 'nanomdm', 'micromdm')),
    identity      BLOB,
    profile       TEXT NOT NULL DEFAULT '',
    per_user      INTEGER CHECK (per_user IN (0, 1)),
    address       TEXT NOT NULL DEFAULT '',
    moved_at      INTEGER NOT NULL,
    bound_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX moves_identity ON moves (identity) WHERE identity IS NOT NULL;
CREATE INDEX moves_waiting ON moves (moved_at) WHERE bound_at IS NULL;

-- Those that were handed over before this was written down: nothing has spoken for them yet, or only a certificate from there.
INSERT INTO moves (enrollment_id, source, moved_at, bound_at)
SELECT e.id, 'nano', e.created_at, (SELECT min(c.bound_at) FROM certificates c WHERE c.enrollment_id = e.id)
FROM enrollments e
WHERE e.parent_id IS NULL AND e.state = 'enrolled'
  AND NOT EXISTS (SELECT 1 FROM certificates c WHERE c.enrollment_id = e.id AND c.purpose <> 'imported');
