-- Which device knows which root, the bridge from one root to the next, when a renewal began, and the renewal of identities that moved in.
ALTER TABLE authorities ADD COLUMN bridge BLOB;
ALTER TABLE authorities ADD COLUMN used_from_at INTEGER;
UPDATE authorities SET used_from_at = created_at WHERE state = 'current';
ALTER TABLE challenges ADD COLUMN newest_authority_id TEXT;

ALTER TABLE enrollments ADD COLUMN renewal_began_at INTEGER;
UPDATE enrollments SET renewal_began_at = renewal_due_at - 604800000 WHERE renewal_state <> 'none';

CREATE TABLE known_roots (
    authority_id  TEXT NOT NULL REFERENCES authorities (id),
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    generation    INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('wanted', 'queued', 'refused', 'known')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    command_uuid  TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    due_at        INTEGER,
    known_at      INTEGER,
    PRIMARY KEY (authority_id, enrollment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_roots_due ON known_roots (due_at) WHERE due_at IS NOT NULL;

UPDATE enrollments SET renewal_due_at =
        (SELECT max(not_after_at - min(15552000000, (not_after_at - not_before_at) / 4)) FROM certificates
         WHERE certificates.enrollment_id = enrollments.id AND purpose = 'imported' AND revoked_at IS NULL)
WHERE renewal_due_at IS NULL AND parent_id IS NULL AND state = 'enrolled';
