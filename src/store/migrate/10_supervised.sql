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

-- Devices that prove what they are: identities by ACME with an attestation, and attestations that were asked for.
ALTER TABLE challenges ADD COLUMN identity TEXT NOT NULL DEFAULT 'scep' CHECK (identity IN ('scep', 'acme'));
CREATE TABLE acme_accounts (
    id             TEXT PRIMARY KEY,
    thumbprint     BLOB NOT NULL UNIQUE,
    key            TEXT NOT NULL CHECK (json_valid(key)),
    deactivated_at INTEGER,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE TABLE acme_orders (
    id                TEXT PRIMARY KEY,
    account_id        TEXT NOT NULL REFERENCES acme_accounts (id) ON DELETE CASCADE,
    challenge_hash    BLOB NOT NULL,
    identifier_sealed BLOB NOT NULL,
    token             TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'valid', 'invalid')),
    problem           TEXT NOT NULL DEFAULT '' CHECK (problem = '' OR json_valid(problem)),
    attested          TEXT NOT NULL DEFAULT '' CHECK (attested = '' OR json_valid(attested)),
    key_hash          BLOB,
    fingerprint       BLOB,
    validated_at      INTEGER,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX acme_orders_account ON acme_orders (account_id);
CREATE INDEX acme_orders_challenge ON acme_orders (challenge_hash);
CREATE INDEX acme_orders_expires ON acme_orders (expires_at);
CREATE TABLE attested_keys (
    fingerprint BLOB PRIMARY KEY REFERENCES certificates (fingerprint) ON DELETE CASCADE,
    attested    TEXT NOT NULL CHECK (json_valid(attested))
) STRICT, WITHOUT ROWID;
CREATE TABLE attestations (
    device_id  TEXT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    asked_at   INTEGER,
    codes      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(codes)),
    state      TEXT NOT NULL DEFAULT 'unknown' CHECK (state IN ('unknown', 'genuine', 'stale', 'none', 'refused')),
    because    TEXT NOT NULL DEFAULT '',
    attested   TEXT NOT NULL DEFAULT '' CHECK (attested = '' OR json_valid(attested)),
    made_at    INTEGER,
    checked_at INTEGER
) STRICT, WITHOUT ROWID;
