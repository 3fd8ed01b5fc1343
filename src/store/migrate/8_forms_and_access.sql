-- What an app's maker says of its configuration, as the file was brought.
CREATE TABLE app_schemas (
    app_id     TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    content    BLOB NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- App access: an installation is one person's, a right ends once, and copies are counted by device.
ALTER TABLE access_standings ADD COLUMN owner_id TEXT;
ALTER TABLE access_standings ADD COLUMN ended_at INTEGER;
UPDATE access_standings SET owner_id = person_id
 WHERE granted_at IS NOT NULL AND app_id IN (SELECT app_id FROM access_policies WHERE json_extract(policy, '$.who') <> 'devices');
UPDATE access_standings SET ended_at = asked_at WHERE granted_at IS NOT NULL AND code NOT IN ('granted', 'clock_wrong', 'certificate_expired', 'certificate_revoked', 'token_outdated', 'another_person');
CREATE INDEX access_standings_installation ON access_standings (app_id, installation);
CREATE INDEX offline_copies_device ON offline_copies (app_id, device_id, size_bytes);
