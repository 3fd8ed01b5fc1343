-- How a device came in, and for which device a challenge was made where the device said so under Apple's signature.
ALTER TABLE challenges ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
ALTER TABLE challenges ADD COLUMN serial_number TEXT;
ALTER TABLE challenges ADD COLUMN udid TEXT;
ALTER TABLE enrollments ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));

-- Who has an account on a device that several share: a Shared iPad or a Mac, as it last said.
CREATE TABLE device_users (
    enrollment_id    TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    user_name        TEXT NOT NULL,
    full_name        TEXT,
    user_guid        TEXT,
    is_logged_in     INTEGER CHECK (is_logged_in IN (0, 1)),
    has_data_to_sync INTEGER CHECK (has_data_to_sync IN (0, 1)),
    data_used_bytes  INTEGER,
    data_quota_bytes INTEGER,
    has_secure_token INTEGER CHECK (has_secure_token IN (0, 1)),
    PRIMARY KEY (enrollment_id, user_name)
) STRICT, WITHOUT ROWID;

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


-- ---------------------------------------------------------------- Automated Device Enrollment

-- Servers of ours in Apple School Manager or Apple Business, each known by its server token.
CREATE TABLE ade_servers (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL,                -- ours until Apple says its own
    practice          INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    certificate       BLOB NOT NULL,                -- DER: Apple encrypts the token to it
    key_sealed        BLOB NOT NULL,
    token_sealed      BLOB,                         -- absent until it was brought
    state             TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'terms', 'refused', 'ended')),
    expires_at        INTEGER,                      -- the token's end
    uploaded_at       INTEGER,
    server_uuid       TEXT NOT NULL DEFAULT '',     -- Apple's: the same after every renewal
    organisation      TEXT NOT NULL DEFAULT '',
    admin             TEXT NOT NULL DEFAULT '',     -- who made it there: whoever must accept new terms
    account           TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(account)),     -- all that Apple says of it
    account_at        INTEGER,
    phase             TEXT NOT NULL DEFAULT 'fetch' CHECK (phase IN ('fetch', 'sync')),
    cursor            TEXT NOT NULL DEFAULT '',     -- up to where Apple's list was read; stored with what was read
    same_cursor       INTEGER NOT NULL DEFAULT 0,   -- rounds in a row that got no further
    fetch_began_at    INTEGER,                      -- whoever the whole list does not name since is not on it any more
    fetched_at        INTEGER,                      -- when the whole list was last read to its end
    synced_at         INTEGER,
    sync_due_at       INTEGER,
    due_at            INTEGER,                      -- when there is next something to do with it
    busy_until_at     INTEGER,                      -- somebody is at it
    problem           TEXT NOT NULL DEFAULT '',     -- why the last round with Apple failed, in words
    failures          INTEGER NOT NULL DEFAULT 0,   -- in a row
    created_at        INTEGER NOT NULL
) STRICT;

-- How a device greets whoever unpacks it.
CREATE TABLE ade_profiles (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind        TEXT NOT NULL,                      -- the choice that it began with: "classroom_ipad"
    content     TEXT NOT NULL CHECK (json_valid(content)),
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- A profile as Apple has it. There it never changes: another digest is another profile.
CREATE TABLE ade_defined (
    server_id    TEXT NOT NULL REFERENCES ade_servers (id) ON DELETE CASCADE,
    profile_id   TEXT NOT NULL REFERENCES ade_profiles (id) ON DELETE CASCADE,
    digest       TEXT NOT NULL,                     -- of what was sent
    profile_uuid TEXT NOT NULL DEFAULT '',          -- empty: Apple refused it
    problem      TEXT NOT NULL DEFAULT '',
    due_at       INTEGER,                           -- not sent again before
    defined_at   INTEGER NOT NULL,
    PRIMARY KEY (server_id, profile_id)
) STRICT, WITHOUT ROWID;

-- The profile of devices for which nobody chose one, by family; '' is every other family.
CREATE TABLE ade_defaults (
    server_id     TEXT NOT NULL REFERENCES ade_servers (id) ON DELETE CASCADE,
    device_family TEXT NOT NULL,
    profile_id    TEXT NOT NULL REFERENCES ade_profiles (id) ON DELETE CASCADE,
    PRIMARY KEY (server_id, device_family)
) STRICT, WITHOUT ROWID;
CREATE TABLE ade_group_profiles (
    group_id    TEXT PRIMARY KEY REFERENCES groups (id) ON DELETE CASCADE,
    profile_id  TEXT NOT NULL REFERENCES ade_profiles (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Devices that Apple says are ours, enrolled or not.
CREATE TABLE ade_devices (
    server_id          TEXT NOT NULL REFERENCES ade_servers (id) ON DELETE CASCADE,
    serial_number      TEXT NOT NULL,
    model              TEXT NOT NULL DEFAULT '',
    description        TEXT NOT NULL DEFAULT '',
    color              TEXT NOT NULL DEFAULT '',
    asset_tag          TEXT NOT NULL DEFAULT '',
    device_family      TEXT NOT NULL DEFAULT '',    -- iPhone iPad iPod Mac AppleTV Vision
    os                 TEXT NOT NULL DEFAULT '',    -- iOS iPadOS OSX tvOS visionOS
    profile_status     TEXT NOT NULL DEFAULT '',    -- empty assigned pushed removed
    profile_uuid       TEXT NOT NULL DEFAULT '',    -- as Apple says
    profile_assigned_at INTEGER,
    profile_pushed_at  INTEGER,
    assigned_at        INTEGER,                     -- to our server, in Apple's portal
    assigned_by        TEXT NOT NULL DEFAULT '',
    op_at              INTEGER,                     -- of the newest event that counted
    seen_at            INTEGER NOT NULL,            -- when Apple last named it
    gone_at            INTEGER,                     -- not ours any more
    chosen_profile_id  TEXT REFERENCES ade_profiles (id) ON DELETE SET NULL,  -- for this device alone
    profile_id         TEXT REFERENCES ade_profiles (id) ON DELETE SET NULL,  -- the one that it is to have
    person_id          TEXT REFERENCES people (id) ON DELETE SET NULL,        -- whose it will be
    class_id           TEXT REFERENCES classes (id) ON DELETE SET NULL,
    group_id           TEXT REFERENCES groups (id) ON DELETE SET NULL,
    handed_over_at     INTEGER,                     -- when person and group were passed on to the enrolled device
    sent_uuid          TEXT NOT NULL DEFAULT '',    -- the profile that Apple was last asked to assign
    result             TEXT NOT NULL DEFAULT 'none' CHECK (result IN ('none', 'success', 'not_accessible', 'failed', 'throttled')),
    result_at          INTEGER,
    attempts           INTEGER NOT NULL DEFAULT 0,  -- without success, in a row
    retry_at           INTEGER,                     -- not asked for again before
    PRIMARY KEY (server_id, serial_number)
) STRICT, WITHOUT ROWID;
CREATE INDEX ade_devices_serial_number ON ade_devices (serial_number COLLATE NOCASE);
CREATE INDEX ade_devices_profile ON ade_devices (profile_id) WHERE profile_id IS NOT NULL;
CREATE INDEX ade_devices_chosen_profile ON ade_devices (chosen_profile_id) WHERE chosen_profile_id IS NOT NULL;
CREATE INDEX ade_devices_person ON ade_devices (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX ade_devices_class ON ade_devices (class_id) WHERE class_id IS NOT NULL;
CREATE INDEX ade_devices_group ON ade_devices (group_id) WHERE group_id IS NOT NULL;

-- Devices that Apple locked to the organisation for us; what opens them outlives everything else that is known of them.
CREATE TABLE ade_locks (
    id            TEXT PRIMARY KEY,
    serial_number TEXT NOT NULL,
    key_sealed    BLOB NOT NULL,                    -- the bypass code
    message       TEXT NOT NULL DEFAULT '',         -- shown while it is lost
    state         TEXT NOT NULL CHECK (state IN ('asked', 'locked', 'failed')),
    problem       TEXT NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX ade_locks_serial_number ON ade_locks (serial_number COLLATE NOCASE);
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
