-- How a device came in, and for which device a challenge was made where the device said so under Apple's signature.
ALTER TABLE challenges ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
ALTER TABLE challenges ADD COLUMN serial_number TEXT;
ALTER TABLE challenges ADD COLUMN udid TEXT;
ALTER TABLE enrollments ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
-- What a device that comes in by Setup Assistant brings to its enrollment, and whom somebody signed in as there.
ALTER TABLE challenges ADD COLUMN practice INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1));
ALTER TABLE challenges ADD COLUMN person_id TEXT;
-- A device that waits in Setup Assistant is let go on when all is there, or at the latest at its due time.
ALTER TABLE enrollments ADD COLUMN setup_held_at INTEGER;
ALTER TABLE enrollments ADD COLUMN setup_due_at INTEGER;
ALTER TABLE enrollments ADD COLUMN setup_released_at INTEGER;
ALTER TABLE enrollments ADD COLUMN setup_because TEXT NOT NULL DEFAULT '';
CREATE INDEX enrollments_setup_due ON enrollments (setup_due_at) WHERE setup_due_at IS NOT NULL;
-- Devices that asked for their profile from Setup Assistant, the newest asking of each.
CREATE TABLE arrivals (
    serial_number TEXT PRIMARY KEY COLLATE NOCASE,
    udid          TEXT NOT NULL,
    product_name  TEXT NOT NULL DEFAULT '',
    os_version    TEXT NOT NULL DEFAULT '',
    entry         TEXT NOT NULL CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service')),
    practice      INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    answer        TEXT NOT NULL CHECK (answer IN ('profile', 'update', 'refused')),
    because       TEXT NOT NULL DEFAULT '',
    challenge     BLOB,
    asked_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX arrivals_asked ON arrivals (asked_at);
