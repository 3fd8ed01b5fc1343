-- How a device came in, and for which device a challenge was made where the device said so under Apple's signature.
ALTER TABLE challenges ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
ALTER TABLE challenges ADD COLUMN serial_number TEXT;
ALTER TABLE challenges ADD COLUMN udid TEXT;
ALTER TABLE enrollments ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));

-- Copies of offline edits that somebody has taken in an archive.
CREATE TABLE offline_copies_exported (
    copy_id      TEXT PRIMARY KEY REFERENCES offline_copies (id) ON DELETE CASCADE,
    exported_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who had a grant for an app that was deleted: whoever shows it is told to erase what they hold.
CREATE TABLE former_holders (
    app_id        TEXT NOT NULL,
    holder        TEXT NOT NULL,
    bundle_id     TEXT NOT NULL,
    installation  TEXT NOT NULL,
    sequence      INTEGER NOT NULL,
    policy        TEXT NOT NULL CHECK (json_valid(policy)),
    ended_at      INTEGER NOT NULL,
    told_at       INTEGER,
    PRIMARY KEY (app_id, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_holders_installation ON former_holders (bundle_id, installation);
CREATE INDEX former_holders_ends ON former_holders (ended_at);
