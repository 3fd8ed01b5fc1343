-- People who bring their own devices, and devices that come back.

-- An app may have a version in place for each platform.
DROP INDEX packages_stage;
CREATE INDEX packages_stage ON packages (app_id, stage) WHERE stage <> 'kept';

-- Devices to which something could not be brought are found by what failed.
CREATE INDEX deployments_problem ON deployments (enrollment_id) WHERE problem <> '';
CREATE INDEX app_states_trouble ON app_states (enrollment_id) WHERE stage IN ('failed', 'stuck', 'no_licence', 'lacking');
CREATE INDEX declaration_states_invalid ON declaration_states (enrollment_id) WHERE valid = 'invalid';

-- Who signed in with their account to enroll a device, and the token that the device shows with each request from then on.
CREATE TABLE account_tokens (
    hash            BLOB PRIMARY KEY,
    person_id       TEXT NOT NULL,
    managed_account TEXT NOT NULL,
    ownership       TEXT NOT NULL CHECK (ownership IN ('own', 'school')),
    enrollment_id   TEXT UNIQUE REFERENCES enrollments (id) ON DELETE CASCADE,
    shown           TEXT NOT NULL DEFAULT 'right' CHECK (shown IN ('right', 'none', 'another')),
    shown_at        INTEGER,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX account_tokens_person ON account_tokens (person_id);
CREATE INDEX account_tokens_expires ON account_tokens (expires_at) WHERE expires_at IS NOT NULL;
ALTER TABLE challenges ADD COLUMN account BLOB;

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
