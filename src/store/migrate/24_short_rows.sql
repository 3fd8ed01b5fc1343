-- Every message of a device reads its enrollment and its identity: what is long in them lies apart, so that more of them are in memory.
CREATE TABLE enrollment_secrets (
    enrollment_id          TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    push_token_sealed      BLOB,
    push_magic_sealed      BLOB,
    unlock_token_sealed    BLOB,
    bootstrap_token_sealed BLOB
) STRICT;
INSERT INTO enrollment_secrets
SELECT id, push_token_sealed, push_magic_sealed, unlock_token_sealed, bootstrap_token_sealed FROM enrollments
WHERE coalesce(push_token_sealed, push_magic_sealed, unlock_token_sealed, bootstrap_token_sealed) IS NOT NULL;

ALTER TABLE enrollments ADD COLUMN has_push_token INTEGER NOT NULL DEFAULT 0 CHECK (has_push_token IN (0, 1));
ALTER TABLE enrollments ADD COLUMN has_unlock_token INTEGER NOT NULL DEFAULT 0 CHECK (has_unlock_token IN (0, 1));
ALTER TABLE enrollments ADD COLUMN has_bootstrap_token INTEGER NOT NULL DEFAULT 0 CHECK (has_bootstrap_token IN (0, 1));
UPDATE enrollments SET has_push_token = push_token_sealed IS NOT NULL, has_unlock_token = unlock_token_sealed IS NOT NULL,
                       has_bootstrap_token = bootstrap_token_sealed IS NOT NULL;
ALTER TABLE enrollments DROP COLUMN push_token_sealed;
ALTER TABLE enrollments DROP COLUMN push_magic_sealed;
ALTER TABLE enrollments DROP COLUMN unlock_token_sealed;
ALTER TABLE enrollments DROP COLUMN bootstrap_token_sealed;

-- Who says its token was heard of. Of a device that another server handed over nothing was heard here before it comes.
DROP INDEX enrollments_device;
UPDATE enrollments SET last_seen_at = token_updated_at
WHERE token_updated_at > coalesce(last_seen_at, 0) AND id NOT IN (SELECT enrollment_id FROM moves WHERE bound_at IS NULL);
CREATE INDEX enrollments_device ON enrollments (device_id, parent_id, authenticated_at, id, state, left_at, push_dead_at, questions_due, last_seen_at, kind, access_rights);

CREATE TABLE certificate_files (
    fingerprint BLOB NOT NULL PRIMARY KEY REFERENCES certificates (fingerprint) ON DELETE CASCADE,
    certificate BLOB NOT NULL
) STRICT;
INSERT INTO certificate_files SELECT fingerprint, certificate FROM certificates;
ALTER TABLE certificates DROP COLUMN certificate;
