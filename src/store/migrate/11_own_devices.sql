-- People who bring their own devices, and devices that come back.

-- Devices that were erased to come back by themselves: the newest return of each enrollment.
CREATE TABLE returns (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    command_uuid  TEXT NOT NULL DEFAULT '',         -- of the erase; empty where the device asked by itself
    network       TEXT NOT NULL DEFAULT '',         -- the name of the Wi-Fi network that it joins
    asked_by      TEXT NOT NULL,
    asked_at      INTEGER NOT NULL,
    erased_at     INTEGER,
    expected_at   INTEGER,                          -- when it is to be back
    returned_at   INTEGER
) STRICT;
CREATE INDEX returns_expected ON returns (expected_at) WHERE returned_at IS NULL AND expected_at IS NOT NULL;

-- An invitation may ask the device who it is before it gives it a profile.
ALTER TABLE invitations ADD COLUMN asks_device INTEGER NOT NULL DEFAULT 0 CHECK (asks_device IN (0, 1));

-- Devices that move between servers without being erased: until when Apple has them move, and when one has come so.
ALTER TABLE ade_devices ADD COLUMN migrates_by_at INTEGER;
ALTER TABLE ade_devices ADD COLUMN migrated_at INTEGER;
