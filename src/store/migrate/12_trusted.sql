-- An appliance to trust: what is kept safe elsewhere, and who may do what for how long.

-- Each Mac has the password of the administrator that was made for it in Setup Assistant.
CREATE TABLE escrow_new (
    id            TEXT PRIMARY KEY,
    device_id     TEXT NOT NULL REFERENCES devices (id),
    enrollment_id TEXT,
    generation    INTEGER NOT NULL DEFAULT 0,
    kind          TEXT NOT NULL CHECK (kind IN ('activation_lock_bypass_code', 'unlock_token', 'bootstrap_token', 'lock_pin', 'recovery_key', 'recovery_lock_password', 'firmware_password', 'admin_password')),
    value_sealed  BLOB NOT NULL,
    note          TEXT NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL
) STRICT;
INSERT INTO escrow_new SELECT id, device_id, enrollment_id, generation, kind, value_sealed, note, created_at FROM escrow;
DROP TABLE escrow;
ALTER TABLE escrow_new RENAME TO escrow;
CREATE INDEX escrow_device ON escrow (device_id, kind, created_at);

-- Apple is told where devices ask for their server by an account.
ALTER TABLE ade_servers ADD COLUMN discovery_url TEXT NOT NULL DEFAULT '';
ALTER TABLE ade_servers ADD COLUMN discovery_problem TEXT NOT NULL DEFAULT '';
ALTER TABLE ade_servers ADD COLUMN discovery_due_at INTEGER;

-- Whose classes somebody teaches who logs in as a teacher.
ALTER TABLE admins ADD COLUMN person_id TEXT REFERENCES people (id) ON DELETE SET NULL;

-- What one person did is found by their name.
CREATE INDEX events_actor ON events (actor, seq);

-- Codes that somebody's telephone shows (RFC 6238), asked for after the password.
CREATE TABLE second_factors (
    admin_id      TEXT PRIMARY KEY REFERENCES admins (id) ON DELETE CASCADE,
    secret_sealed BLOB NOT NULL,
    confirmed_at  INTEGER,
    last_step     INTEGER NOT NULL DEFAULT 0,
    failures      INTEGER NOT NULL DEFAULT 0,
    blocked_until INTEGER,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes on paper for whoever has lost the telephone, each good once.
CREATE TABLE recovery_codes (
    hash     BLOB PRIMARY KEY,
    admin_id TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    used_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_codes_admin ON recovery_codes (admin_id);

-- Whoever has given the right password and not yet the code.
CREATE TABLE second_steps (
    token_hash    BLOB PRIMARY KEY,
    admin_id      TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    password_hash TEXT NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Lessons in which the devices of a class show only some apps, one app or some sites.
CREATE TABLE focuses (
    id         TEXT PRIMARY KEY,
    class_id   TEXT NOT NULL REFERENCES classes (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL CHECK (kind IN ('apps', 'app', 'sites')),
    items      TEXT NOT NULL CHECK (json_valid(items)),
    started_by TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    ended_at   INTEGER,
    ended_by   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX focuses_class ON focuses (class_id, started_at);
CREATE INDEX focuses_ends ON focuses (ends_at);

CREATE TABLE focus_devices (
    focus_id    TEXT NOT NULL REFERENCES focuses (id) ON DELETE CASCADE,
    device_id   TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    released_at INTEGER,
    PRIMARY KEY (focus_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX focus_devices_device ON focus_devices (device_id);

-- Backups that this appliance put somewhere; it deletes only those that are listed here.
CREATE TABLE backups (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,                    -- of the file
    place         TEXT NOT NULL CHECK (place IN ('folder', 's3')),
    location      TEXT NOT NULL,                    -- the folder, or the bucket's address with the prefix
    size_bytes    INTEGER NOT NULL,
    devices       INTEGER NOT NULL,
    with_packages INTEGER NOT NULL CHECK (with_packages IN (0, 1)),
    made_at       INTEGER NOT NULL,
    tested_at     INTEGER,                          -- when it was last restored into a temporary folder
    test_problem  TEXT NOT NULL DEFAULT ''          -- what was wrong then; empty: nothing
) STRICT;
CREATE INDEX backups_made ON backups (made_at);
