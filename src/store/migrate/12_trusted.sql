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
