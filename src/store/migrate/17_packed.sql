-- Rows of a kilobyte in a tree that keeps whole rows in its inner pages made a page of nearly every certificate: with a row number they are packed, and found
-- by an index that stays in memory.

CREATE TABLE packed_certificates (
    fingerprint     BLOB NOT NULL PRIMARY KEY,
    authority_id    TEXT NOT NULL REFERENCES authorities (id),
    serial          TEXT NOT NULL,
    certificate     BLOB NOT NULL,
    public_key      BLOB NOT NULL,
    purpose         TEXT NOT NULL CHECK (purpose IN ('enroll', 'renew', 'imported')),
    invitation_id   TEXT,
    intended_for    TEXT REFERENCES enrollments (id),
    enrollment_id   TEXT REFERENCES enrollments (id),
    transaction_id  TEXT NOT NULL DEFAULT '',
    not_before_at   INTEGER NOT NULL,
    not_after_at    INTEGER NOT NULL,
    issued_at       INTEGER NOT NULL,
    bound_at        INTEGER,
    revoked_at      INTEGER,
    revoked_because TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO packed_certificates (fingerprint, authority_id, serial, certificate, public_key, purpose, invitation_id, intended_for, enrollment_id, transaction_id, not_before_at, not_after_at, issued_at, bound_at, revoked_at, revoked_because)
SELECT fingerprint, authority_id, serial, certificate, public_key, purpose, invitation_id, intended_for, enrollment_id, transaction_id, not_before_at, not_after_at, issued_at, bound_at, revoked_at, revoked_because FROM certificates ORDER BY issued_at;

DROP TABLE certificates;
ALTER TABLE packed_certificates RENAME TO certificates;

CREATE INDEX certificates_enrollment ON certificates (enrollment_id, issued_at) WHERE enrollment_id IS NOT NULL;
CREATE INDEX certificates_transaction ON certificates (transaction_id, public_key) WHERE transaction_id <> '';
