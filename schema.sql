-- Rollcall's database, as a new file gets it. `src/store/migrate.rs` brings older files here, step by step.
--
-- Moments are milliseconds since 1970-01-01T00:00:00Z (columns end in _at). Ids are UUIDv7 text unless said otherwise.
-- Columns that end in _sealed hold AES-256-GCM under the data folder's seal.key; nothing secret is stored in any other form.

-- ---------------------------------------------------------------- the appliance itself

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value))
) STRICT, WITHOUT ROWID;

-- Our own certificate authorities, and those whose devices moved in.
CREATE TABLE authorities (
    id           TEXT PRIMARY KEY,
    state        TEXT NOT NULL CHECK (state IN ('next', 'current', 'retired', 'imported')),
    certificate  BLOB NOT NULL,                     -- DER
    fingerprint  BLOB NOT NULL UNIQUE,              -- SHA-256 of the DER
    key_sealed   BLOB,                              -- PKCS#8; absent for an imported authority
    not_after_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    bridge       BLOB,                              -- the same name and key, certified by the root before: for those who know only that one
    used_from_at INTEGER,                           -- when it began to issue
    taken_until_at INTEGER                          -- of an imported one: until when identities of its devices are bound at their first contact
) STRICT;
CREATE UNIQUE INDEX authorities_current ON authorities (state) WHERE state = 'current';

-- Certificates of our own TLS listeners, issued by the current authority; the newest one is shown.
CREATE TABLE server_certificates (
    id           TEXT PRIMARY KEY,
    names        TEXT NOT NULL CHECK (json_valid(names)),   -- array of DNS names and addresses
    certificate  BLOB NOT NULL,
    key_sealed   BLOB NOT NULL,
    authority_id TEXT NOT NULL REFERENCES authorities (id),
    not_after_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

-- One row per push topic; one of them is current for new enrollments.
CREATE TABLE push_certificates (
    topic        TEXT PRIMARY KEY,
    certificate  BLOB NOT NULL,                     -- DER
    chain        BLOB NOT NULL DEFAULT x'',         -- further certificates, DER, one after the other
    key_sealed   BLOB NOT NULL,
    not_after_at INTEGER NOT NULL,
    current      INTEGER NOT NULL DEFAULT 0 CHECK (current IN (0, 1)),
    practice     INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    account_note TEXT NOT NULL DEFAULT '',          -- which Apple Account made it
    uploads      INTEGER NOT NULL DEFAULT 1,        -- how often it was put; NanoMDM's stale token
    paused_until_at INTEGER,                        -- set when Apple refuses the certificate
    uploaded_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX push_certificates_current ON push_certificates (current) WHERE current = 1;

-- Keys made here whose certificate has not come back yet.
CREATE TABLE push_requests (
    id           TEXT PRIMARY KEY,
    request      BLOB NOT NULL,                     -- PKCS#10, DER
    public_key   BLOB NOT NULL UNIQUE,              -- SHA-256 of the SubjectPublicKeyInfo
    key_sealed   BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

-- What needs a person: one row per cause, raised again rather than repeated.
CREATE TABLE alerts (
    key        TEXT PRIMARY KEY,                    -- for example push.certificate_refused:<topic>
    harm       INTEGER NOT NULL,                    -- sorts "needs you": larger is worse
    message    TEXT NOT NULL,
    remedy     TEXT NOT NULL,
    count      INTEGER NOT NULL DEFAULT 1,
    since_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    name        TEXT PRIMARY KEY,
    due_at      INTEGER,                            -- "run now" sets it
    started_at  INTEGER,
    finished_at INTEGER,
    failures    INTEGER NOT NULL DEFAULT 0,         -- in a row
    result      TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- people who log in, and scripts

CREATE TABLE admins (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role          TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'helper', 'teacher', 'viewer')),
    password_hash TEXT NOT NULL,                    -- argon2id, PHC string
    disabled_at   INTEGER,
    created_at    INTEGER NOT NULL,
    person_id     TEXT REFERENCES people (id) ON DELETE SET NULL     -- whose classes a teacher sees
) STRICT;

-- Filters of the list of devices that people keep for themselves.
CREATE TABLE saved_filters (
    id         TEXT PRIMARY KEY,
    admin_id   TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    name       TEXT NOT NULL COLLATE NOCASE,
    query      TEXT NOT NULL,                       -- as in the list's address: search=9b&state=problem
    created_at INTEGER NOT NULL,
    UNIQUE (admin_id, name)
) STRICT, WITHOUT ROWID;

-- Codes that somebody's telephone shows (RFC 6238), asked for after the password.
CREATE TABLE second_factors (
    admin_id      TEXT PRIMARY KEY REFERENCES admins (id) ON DELETE CASCADE,
    secret_sealed BLOB NOT NULL,
    confirmed_at  INTEGER,                          -- by a first code; until then it counts for nothing
    last_step     INTEGER NOT NULL DEFAULT 0,       -- the newest 30 seconds of which a code was taken: none is taken twice
    failures      INTEGER NOT NULL DEFAULT 0,       -- wrong codes in a row
    blocked_until INTEGER,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes on paper for whoever has lost the telephone, each good once.
CREATE TABLE recovery_codes (
    hash     BLOB PRIMARY KEY,                      -- SHA-256 of the code
    admin_id TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    used_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_codes_admin ON recovery_codes (admin_id);

-- Whoever has given the right password and not yet the code.
CREATE TABLE second_steps (
    token_hash    BLOB PRIMARY KEY,                 -- SHA-256 of what the form carries
    admin_id      TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    password_hash TEXT NOT NULL,                    -- that was proven: a new password ends the wait
    tries         INTEGER NOT NULL DEFAULT 0,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash   BLOB PRIMARY KEY,                  -- SHA-256 of the cookie's value
    admin_id     TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    csrf         TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    address      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'helper', 'viewer')),
    token_hash   BLOB NOT NULL UNIQUE,              -- SHA-256 of the token
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;

-- Answers to POSTs with an Idempotency-Key, so that a repeat gets the first answer. Sealed with a digest of the request:
-- both may hold a password or a token.
CREATE TABLE idempotent_answers (
    actor         TEXT NOT NULL,
    key           TEXT NOT NULL,
    answer_sealed BLOB NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- devices and their enrollments

-- A device is a thing; it outlives its enrollments.
CREATE TABLE devices (
    id              TEXT PRIMARY KEY,
    serial_number   TEXT,
    udid            TEXT,
    name            TEXT NOT NULL DEFAULT '',
    model           TEXT NOT NULL DEFAULT '',       -- Apple's part number or Mac model identifier
    model_name      TEXT NOT NULL DEFAULT '',       -- "iPad"
    product_name    TEXT NOT NULL DEFAULT '',       -- "iPad13,18"
    os_version      TEXT NOT NULL DEFAULT '',
    build_version   TEXT NOT NULL DEFAULT '',
    platform        TEXT NOT NULL DEFAULT 'unknown' CHECK (platform IN ('ios', 'macos', 'tvos', 'visionos', 'watchos', 'unknown')),
    supervised      INTEGER CHECK (supervised IN (0, 1)),       -- NULL: not known yet
    practice        INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    group_label     TEXT NOT NULL DEFAULT '',       -- from the invitation
    person_label    TEXT NOT NULL DEFAULT '',
    facts           TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),     -- DeviceInformation, merged
    facts_at        INTEGER,
    security        TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(security)),  -- SecurityInfo
    security_at     INTEGER,
    refresh_due_at  INTEGER,                        -- next inventory round
    deleted_at      INTEGER,
    created_at      INTEGER NOT NULL,
    person_id       TEXT REFERENCES people (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX devices_person ON devices (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX devices_serial_number ON devices (serial_number COLLATE NOCASE) WHERE serial_number IS NOT NULL;
CREATE INDEX devices_udid ON devices (udid COLLATE NOCASE) WHERE udid IS NOT NULL;
CREATE INDEX devices_refresh_due ON devices (refresh_due_at) WHERE refresh_due_at IS NOT NULL;
CREATE INDEX devices_lost ON devices (id) WHERE facts ->> 'IsMDMLostModeEnabled' = 1;
CREATE INDEX devices_roster ON devices (id, name, practice, person_id, group_label, deleted_at, serial_number, udid, model, model_name, product_name, os_version, platform, person_label) WHERE deleted_at IS NULL;
CREATE INDEX devices_alike ON devices (platform, product_name, coalesce(facts ->> 'SoftwareUpdateDeviceID', ''), os_version, coalesce(facts ->> 'SupplementalOSVersionExtra', ''), build_version, model_name, id, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX devices_met ON devices (id, platform, os_version, supervised, facts ->> '$.IsMultiUser', security ->> '$.ManagementStatus.EnrolledViaDEP', deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX devices_label ON devices (group_label, deleted_at) WHERE group_label <> '';

-- An enrollment is a relation: a device, or one user on it, and this server. A new generation begins with each real re-enrollment.
CREATE TABLE enrollments (
    id                     TEXT PRIMARY KEY,
    device_id              TEXT NOT NULL REFERENCES devices (id),
    parent_id              TEXT REFERENCES enrollments (id),    -- the device channel of a user channel
    kind                   TEXT NOT NULL CHECK (kind IN ('device', 'user', 'shared_ipad', 'user_enrollment_device', 'user_enrollment')),
    nano_id                TEXT NOT NULL UNIQUE COLLATE NOCASE, -- UDID, UDID:UserID, EnrollmentID …
    user_short_name        TEXT NOT NULL DEFAULT '',
    user_long_name         TEXT NOT NULL DEFAULT '',
    state                  TEXT NOT NULL CHECK (state IN ('authenticated', 'enrolled', 'left', 'retired', 'erased')),
    generation             INTEGER NOT NULL DEFAULT 1,
    topic                  TEXT NOT NULL DEFAULT '',
    awaiting_configuration INTEGER NOT NULL DEFAULT 0 CHECK (awaiting_configuration IN (0, 1)),
    token_update_tally     INTEGER NOT NULL DEFAULT 0,
    token_hash             BLOB,                    -- SHA-256 of what the last TokenUpdate said: a repeat changes nothing durable
    access_rights          INTEGER,
    server_url             TEXT NOT NULL DEFAULT '',-- as in the installed profile: never changes on renewal
    check_in_url           TEXT NOT NULL DEFAULT '',
    scep_url               TEXT NOT NULL DEFAULT '',
    invitation_id          TEXT,
    session                INTEGER NOT NULL DEFAULT 0,          -- counts connections in which a command was offered
    push_due_at            INTEGER,
    push_attempts          INTEGER NOT NULL DEFAULT 0,
    push_sent_at           INTEGER,
    push_error             TEXT NOT NULL DEFAULT '',
    push_dead_at           INTEGER,                 -- Apple says the token is gone
    renewal_state          TEXT NOT NULL DEFAULT 'none' CHECK (renewal_state IN ('none', 'queued', 'waiting')),
    renewal_due_at         INTEGER,                 -- when to queue, or to try again
    renewal_attempts       INTEGER NOT NULL DEFAULT 0,
    authenticated_at       INTEGER,
    enrolled_at            INTEGER,
    token_updated_at       INTEGER,
    left_at                INTEGER,
    last_seen_at           INTEGER,                 -- soft: written behind
    created_at             INTEGER NOT NULL,
    renewal_began_at       INTEGER,                 -- what was issued since is the renewed identity
    questions_due          INTEGER NOT NULL DEFAULT 0 CHECK (questions_due IN (0, 1)), -- the first questions, queued when it connects
    entry                  TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service')), -- how it came in
    setup_held_at          INTEGER,                 -- since when it is held in Setup Assistant
    setup_due_at           INTEGER,                 -- when it is let go at the latest; later, when it is looked whether it has gone on
    setup_released_at      INTEGER,
    setup_because          TEXT NOT NULL DEFAULT '',-- why it was let go
    has_push_token         INTEGER NOT NULL DEFAULT 0 CHECK (has_push_token IN (0, 1)), -- of enrollment_secrets
    has_unlock_token       INTEGER NOT NULL DEFAULT 0 CHECK (has_unlock_token IN (0, 1)),
    has_bootstrap_token    INTEGER NOT NULL DEFAULT 0 CHECK (has_bootstrap_token IN (0, 1))
) STRICT;
CREATE INDEX enrollments_device ON enrollments (device_id, parent_id, authenticated_at, id, state, left_at, push_dead_at, questions_due, last_seen_at, kind, access_rights);
CREATE INDEX enrollments_whose ON enrollments (id, device_id, state);
CREATE INDEX enrollments_parent ON enrollments (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX enrollments_push_due ON enrollments (push_due_at) WHERE push_due_at IS NOT NULL;
CREATE INDEX enrollments_renewal_due ON enrollments (renewal_due_at) WHERE renewal_due_at IS NOT NULL;
CREATE INDEX enrollments_setup_due ON enrollments (setup_due_at) WHERE setup_due_at IS NOT NULL;
CREATE INDEX enrollments_push_error ON enrollments (topic, push_error) WHERE push_error <> '' AND state = 'enrolled';

-- What of an enrollment is secret: longer than all the rest of it, which every poll reads.
CREATE TABLE enrollment_secrets (
    enrollment_id          TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    push_token_sealed      BLOB,
    push_magic_sealed      BLOB,
    unlock_token_sealed    BLOB,
    bootstrap_token_sealed BLOB
) STRICT;

-- Device channels that another server handed over. Their devices keep its profile and, at first, its identity.
CREATE TABLE moves (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    source        TEXT NOT NULL CHECK (source IN ('nano', 'nanomdm', 'micromdm')),
    identity      BLOB,                             -- SHA-256 of the certificate by which the other server knew it: no other is bound
    profile       TEXT NOT NULL DEFAULT '',         -- PayloadIdentifier of the profile that it has from there
    per_user      INTEGER CHECK (per_user IN (0, 1)),           -- whether that profile gives its users channels of their own; NULL: not known
    address       TEXT NOT NULL DEFAULT '',         -- the host by which it came
    moved_at      INTEGER NOT NULL,
    bound_at      INTEGER                           -- when it came, and its certificate was bound
) STRICT, WITHOUT ROWID;
CREATE INDEX moves_identity ON moves (identity) WHERE identity IS NOT NULL;
CREATE INDEX moves_waiting ON moves (moved_at) WHERE bound_at IS NULL;

-- Secrets held for a device. They outlive its enrollment and its deletion, until an Owner purges them.
CREATE TABLE escrow (
    id            TEXT PRIMARY KEY,
    device_id     TEXT NOT NULL REFERENCES devices (id),
    enrollment_id TEXT,
    generation    INTEGER NOT NULL DEFAULT 0,
    kind          TEXT NOT NULL CHECK (kind IN ('activation_lock_bypass_code', 'unlock_token', 'bootstrap_token', 'lock_pin', 'recovery_key', 'recovery_lock_password', 'firmware_password', 'admin_password')),
    value_sealed  BLOB NOT NULL,
    note          TEXT NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX escrow_device ON escrow (device_id, kind, created_at);

-- Identities: certificates that we issued, or that came in with devices of another server.
CREATE TABLE certificates (
    fingerprint     BLOB NOT NULL PRIMARY KEY,      -- SHA-256 of the DER
    authority_id    TEXT NOT NULL REFERENCES authorities (id),
    serial          TEXT NOT NULL,                  -- hexadecimal
    public_key      BLOB NOT NULL,                  -- SHA-256 of the SubjectPublicKeyInfo
    purpose         TEXT NOT NULL CHECK (purpose IN ('enroll', 'renew', 'imported')),
    invitation_id   TEXT,
    intended_for    TEXT REFERENCES enrollments (id),   -- of a renewal
    enrollment_id   TEXT REFERENCES enrollments (id),   -- bound: whose identity it is
    transaction_id  TEXT NOT NULL DEFAULT '',       -- SCEP
    not_before_at   INTEGER NOT NULL,
    not_after_at    INTEGER NOT NULL,
    issued_at       INTEGER NOT NULL,
    bound_at        INTEGER,
    revoked_at      INTEGER,
    revoked_because TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX certificates_enrollment ON certificates (enrollment_id, issued_at) WHERE enrollment_id IS NOT NULL;
CREATE INDEX certificates_transaction ON certificates (transaction_id, public_key) WHERE transaction_id <> '';

-- The certificates themselves: longer than what is known of them, which every message asks for.
CREATE TABLE certificate_files (
    fingerprint BLOB NOT NULL PRIMARY KEY REFERENCES certificates (fingerprint) ON DELETE CASCADE,
    certificate BLOB NOT NULL                       -- DER
) STRICT;

-- ---------------------------------------------------------------- invitations

CREATE TABLE invitations (
    id           TEXT PRIMARY KEY,
    code         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note         TEXT NOT NULL DEFAULT '',
    group_label  TEXT NOT NULL DEFAULT '',
    person_label TEXT NOT NULL DEFAULT '',
    uses         INTEGER NOT NULL DEFAULT 0,
    max_uses     INTEGER,                           -- NULL: no limit
    expires_at   INTEGER,
    revoked_at   INTEGER,
    practice     INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    asks_device  INTEGER NOT NULL DEFAULT 0 CHECK (asks_device IN (0, 1)) -- the device says who it is before it gets its profile
) STRICT;

-- One-time SCEP challenges; spent when a certificate is issued.
CREATE TABLE challenges (
    hash          BLOB PRIMARY KEY,                 -- SHA-256 of the challenge
    purpose       TEXT NOT NULL CHECK (purpose IN ('enroll', 'renew')),
    invitation_id TEXT REFERENCES invitations (id),
    enrollment_id TEXT REFERENCES enrollments (id), -- of a renewal
    server_url    TEXT NOT NULL,
    check_in_url  TEXT NOT NULL,
    scep_url      TEXT NOT NULL,
    topic         TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    spent_at      INTEGER,
    fingerprint   BLOB,                             -- the certificate that spent it
    newest_authority_id TEXT,                       -- the newest of our roots in the profile that carries it
    entry         TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service')), -- how the device comes in
    serial_number TEXT,                             -- of the device that it was made for, where that is proven
    udid          TEXT,
    practice      INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)), -- a practice device asked from Setup Assistant
    person_id     TEXT,                             -- who signed in there
    identity      TEXT NOT NULL DEFAULT 'scep' CHECK (identity IN ('scep', 'acme')),   -- which of the two takes it
    account       BLOB                              -- the account token by which its profile was fetched
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_expires ON challenges (expires_at) WHERE spent_at IS NULL;
CREATE INDEX challenges_enrollment ON challenges (enrollment_id) WHERE enrollment_id IS NOT NULL AND spent_at IS NULL;
CREATE INDEX challenges_fingerprint ON challenges (fingerprint) WHERE fingerprint IS NOT NULL;

-- Who signed in with their account to enroll a device, and the token that the device shows with each request from then on.
CREATE TABLE account_tokens (
    hash            BLOB PRIMARY KEY,               -- SHA-256 of the token
    person_id       TEXT NOT NULL,
    managed_account TEXT NOT NULL,                  -- as in the profile, where it never changes
    ownership       TEXT NOT NULL CHECK (ownership IN ('own', 'school')),
    enrollment_id   TEXT UNIQUE REFERENCES enrollments (id) ON DELETE CASCADE,     -- that began by it
    shown           TEXT NOT NULL DEFAULT 'right' CHECK (shown IN ('right', 'none', 'another')),   -- what the enrollment last came with
    shown_at        INTEGER,                        -- since when
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER                         -- while no enrollment began by it
) STRICT, WITHOUT ROWID;
CREATE INDEX account_tokens_person ON account_tokens (person_id);
CREATE INDEX account_tokens_expires ON account_tokens (expires_at) WHERE expires_at IS NOT NULL;

-- Devices that asked for their profile from Setup Assistant, the newest asking of each.
CREATE TABLE arrivals (
    serial_number TEXT PRIMARY KEY COLLATE NOCASE,
    udid          TEXT NOT NULL,
    product_name  TEXT NOT NULL DEFAULT '',
    os_version    TEXT NOT NULL DEFAULT '',
    entry         TEXT NOT NULL CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service')),
    practice      INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    answer        TEXT NOT NULL CHECK (answer IN ('profile', 'update', 'refused')),
    because       TEXT NOT NULL DEFAULT '',         -- why it was refused, or to what it is to update
    challenge     BLOB,                             -- hash of the one in its profile
    asked_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX arrivals_asked ON arrivals (asked_at);

-- Who speaks ACME here: a key, known by its thumbprint. Anybody may come; who orders nothing is forgotten soon.
CREATE TABLE acme_accounts (
    id             TEXT PRIMARY KEY,
    thumbprint     BLOB NOT NULL UNIQUE,            -- RFC 7638
    key            TEXT NOT NULL CHECK (json_valid(key)),       -- JSON Web Key
    deactivated_at INTEGER,
    created_at     INTEGER NOT NULL
) STRICT;

-- An order and its one authorization with its one challenge: all three stand where the order stands.
CREATE TABLE acme_orders (
    id                TEXT PRIMARY KEY,
    account_id        TEXT NOT NULL REFERENCES acme_accounts (id) ON DELETE CASCADE,
    challenge_hash    BLOB NOT NULL,                -- of the one-time value that the profile carried
    identifier_sealed BLOB NOT NULL,                -- that value
    token             TEXT NOT NULL,                -- of device-attest-01
    state             TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'valid', 'invalid')),
    problem           TEXT NOT NULL DEFAULT '' CHECK (problem = '' OR json_valid(problem)),     -- why it is invalid
    attested          TEXT NOT NULL DEFAULT '' CHECK (attested = '' OR json_valid(attested)),   -- what was attested
    key_hash          BLOB,                         -- SHA-256 of the attested SubjectPublicKeyInfo
    fingerprint       BLOB,                         -- the certificate that was issued
    validated_at      INTEGER,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX acme_orders_account ON acme_orders (account_id);
CREATE INDEX acme_orders_challenge ON acme_orders (challenge_hash);
CREATE INDEX acme_orders_expires ON acme_orders (expires_at);

-- Certificates whose key Apple attested, with what it attested of the device.
CREATE TABLE attested_keys (
    fingerprint BLOB PRIMARY KEY REFERENCES certificates (fingerprint) ON DELETE CASCADE,
    attested    TEXT NOT NULL CHECK (json_valid(attested))
) STRICT, WITHOUT ROWID;

-- What Apple vouches for of a device, as it was last shown; asked for with a code that shows how fresh the answer is.
CREATE TABLE attestations (
    device_id  TEXT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    asked_at   INTEGER,
    codes      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(codes)),   -- the last codes it was asked with, newest first
    state      TEXT NOT NULL DEFAULT 'unknown' CHECK (state IN ('unknown', 'genuine', 'stale', 'none', 'refused')),
    because    TEXT NOT NULL DEFAULT '',
    attested   TEXT NOT NULL DEFAULT '' CHECK (attested = '' OR json_valid(attested)),
    made_at    INTEGER,                             -- when Apple said it
    checked_at INTEGER                              -- when it was last shown here
) STRICT, WITHOUT ROWID;

-- Which enrollment knows which of our roots: by a profile that was pushed before the root is used, or by the one it enrolled or renewed with.
CREATE TABLE known_roots (
    authority_id  TEXT NOT NULL REFERENCES authorities (id),
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    generation    INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('wanted', 'queued', 'refused', 'known')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    command_uuid  TEXT NOT NULL DEFAULT '' COLLATE NOCASE,      -- the profile that is under way
    due_at        INTEGER,                          -- when to queue the profile, or to look whether it still waits
    known_at      INTEGER,
    PRIMARY KEY (authority_id, enrollment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_roots_due ON known_roots (authority_id, due_at) WHERE due_at IS NOT NULL;

-- ---------------------------------------------------------------- commands and reports

CREATE TABLE commands (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,          -- the order of the queue
    enrollment_id   TEXT NOT NULL REFERENCES enrollments (id),
    generation      INTEGER NOT NULL,
    uuid            TEXT NOT NULL COLLATE NOCASE,               -- CommandUUID
    request_type    TEXT NOT NULL,
    payload_sealed  BLOB,                                       -- the plist as sent; dropped when its time is over
    priority        INTEGER NOT NULL DEFAULT 0,                 -- larger goes first
    state           TEXT NOT NULL DEFAULT 'queued' CHECK (state IN
                        ('queued', 'sent', 'not_now', 'acknowledged', 'error', 'format_error', 'cancelled', 'expired', 'superseded', 'dropped', 'quarantined')),
    cause           TEXT NOT NULL DEFAULT '',                   -- why it ended without an answer, or the failure in words
    error_chain     TEXT CHECK (error_chain IS NULL OR json_valid(error_chain)),
    supersede_key   TEXT,
    actor           TEXT NOT NULL,                              -- who asked, for people: "kim (owner)"
    offers          INTEGER NOT NULL DEFAULT 0,                 -- times sent without a reply since the last one
    not_nows        INTEGER NOT NULL DEFAULT 0,
    not_now_session INTEGER,                                    -- the session in which it was last put off
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    sent_at         INTEGER,
    not_now_at      INTEGER,
    finished_at     INTEGER                                     -- NULL while it is in the queue
) STRICT;
CREATE UNIQUE INDEX commands_uuid ON commands (uuid, enrollment_id);
CREATE INDEX commands_enrollment ON commands (enrollment_id, finished_at, priority DESC, seq);
CREATE INDEX commands_expiry ON commands (expires_at) WHERE finished_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX commands_finished ON commands (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX commands_lost ON commands (enrollment_id, generation) WHERE request_type IN ('EnableLostMode', 'DisableLostMode');

-- Raw answers, kept for a bounded time.
CREATE TABLE reports (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id),
    command_uuid  TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    request_type  TEXT NOT NULL DEFAULT '',
    status        TEXT NOT NULL,
    size_bytes    INTEGER NOT NULL,
    sha256        BLOB NOT NULL,                    -- of a body that is not kept; empty where it is
    body_sealed   BLOB,                             -- NULL: the answer was too large to keep
    received_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX reports_enrollment ON reports (enrollment_id, seq);

-- What devices say they have, replaced as a whole by each list that arrives.
CREATE TABLE installed_apps (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    identifier    TEXT NOT NULL,
    name          TEXT NOT NULL DEFAULT '',
    version       TEXT NOT NULL DEFAULT '',
    short_version TEXT NOT NULL DEFAULT '',
    size_bytes    INTEGER,
    managed       INTEGER NOT NULL DEFAULT 0 CHECK (managed IN (0, 1)),
    state         TEXT NOT NULL DEFAULT '',         -- ManagedApplicationList's Status
    details       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details)),
    PRIMARY KEY (enrollment_id, identifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE installed_profiles (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    identifier    TEXT NOT NULL,
    uuid          TEXT NOT NULL DEFAULT '',
    name          TEXT NOT NULL DEFAULT '',
    managed       INTEGER CHECK (managed IN (0, 1)),
    details       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details)),
    PRIMARY KEY (enrollment_id, identifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE installed_certificates (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    fingerprint   BLOB NOT NULL,
    common_name   TEXT NOT NULL DEFAULT '',
    is_identity   INTEGER NOT NULL DEFAULT 0 CHECK (is_identity IN (0, 1)),
    not_after_at  INTEGER,
    PRIMARY KEY (enrollment_id, fingerprint)
) STRICT, WITHOUT ROWID;

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

-- When each list was last read for an enrollment.
CREATE TABLE inventory_ages (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    topic         TEXT NOT NULL,                    -- RequestType of the query
    read_at       INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, topic)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- people, classes and groups

CREATE TABLE people (
    id          TEXT PRIMARY KEY,
    source      TEXT NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'csv', 'oneroster')),
    source_id   TEXT,                               -- its key in that source; absent for those made by hand
    name        TEXT NOT NULL,
    email       TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    role        TEXT NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'teacher', 'staff')),
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    managed_apple_id TEXT NOT NULL DEFAULT '' COLLATE NOCASE    -- by which Apps and Books knows them without an invitation
) STRICT;
CREATE UNIQUE INDEX people_source ON people (source, source_id) WHERE source_id IS NOT NULL;
CREATE INDEX people_email ON people (email) WHERE email <> '';
CREATE INDEX people_name ON people (lower(name), id);

CREATE TABLE classes (
    id          TEXT PRIMARY KEY,
    source      TEXT NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'csv', 'oneroster')),
    source_id   TEXT,
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX classes_source ON classes (source, source_id) WHERE source_id IS NOT NULL;

CREATE TABLE class_people (
    class_id    TEXT NOT NULL REFERENCES classes (id) ON DELETE CASCADE,
    person_id   TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role        TEXT NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'teacher')),
    source      TEXT NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'csv', 'oneroster')),
    PRIMARY KEY (class_id, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX class_people_person ON class_people (person_id);

-- A roster that was read and shown, until it is applied: what is applied is what was shown, or nothing.
CREATE TABLE roster_previews (
    id             TEXT PRIMARY KEY,
    roster_sealed  BLOB NOT NULL,                   -- JSON of the roster as it was read
    digest         BLOB NOT NULL,                   -- SHA-256 of what applying it was going to do
    created_by     TEXT NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note        TEXT NOT NULL DEFAULT '',
    rule        TEXT CHECK (rule IS NULL OR json_valid(rule)),  -- NULL: its devices are put in by hand
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- Who is in which group: put in by hand, or found by the group's rule and kept up to date.
CREATE TABLE group_devices (
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    device_id   TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_devices_device ON group_devices (device_id);

-- ---------------------------------------------------------------- what is wanted

CREATE TABLE profiles (
    id          TEXT PRIMARY KEY,
    identifier  TEXT NOT NULL UNIQUE,               -- PayloadIdentifier
    name        TEXT NOT NULL,
    note        TEXT NOT NULL DEFAULT '',
    version     INTEGER NOT NULL,                   -- the one that devices are to have
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE profile_versions (
    profile_id     TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    version        INTEGER NOT NULL,
    sha256         BLOB NOT NULL,                   -- of the content
    size_bytes     INTEGER NOT NULL,
    facts          TEXT NOT NULL CHECK (json_valid(facts)),     -- what lists show without opening it: payload types, keys, scope, signer; nothing secret
    variables      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(variables)),
    created_by     TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    content_sealed BLOB NOT NULL,                   -- as uploaded, byte for byte; last, so that what stands before it is read without it
    PRIMARY KEY (profile_id, version)
) STRICT;

CREATE TABLE policies (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note        TEXT NOT NULL DEFAULT '',
    settings    TEXT NOT NULL CHECK (json_valid(settings)),     -- the switches, by name
    revision    INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- Declarations that admins wrote themselves.
CREATE TABLE declarations (
    id             TEXT PRIMARY KEY,
    identifier     TEXT NOT NULL UNIQUE,
    kind           TEXT NOT NULL CHECK (kind IN ('activation', 'asset', 'configuration', 'management')),
    type           TEXT NOT NULL,
    name           TEXT NOT NULL,
    payload_sealed BLOB NOT NULL,                   -- JSON
    refers_to      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(refers_to)),    -- identifiers that the payload names: configurations, assets
    revision       INTEGER NOT NULL DEFAULT 1,
    created_by     TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL
) STRICT;

-- Every identifier that a declaration ever had, with its type: a device must not meet it again with another one.
CREATE TABLE declaration_identifiers (
    identifier TEXT PRIMARY KEY,
    type       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The bytes of an own asset that names no address of its own: devices fetch them here, under an address that changes with them.
CREATE TABLE asset_data (
    declaration_id TEXT PRIMARY KEY REFERENCES declarations (id) ON DELETE CASCADE,
    content_type   TEXT NOT NULL,                   -- media type without parameters
    file_name      TEXT NOT NULL DEFAULT '',        -- as it was uploaded, for people
    size_bytes     INTEGER NOT NULL,
    sha256         TEXT NOT NULL,                   -- of the bytes, hex
    content_sealed BLOB NOT NULL,
    changed_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is wanted on the devices of a group.
CREATE TABLE assignments (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('profile', 'policy', 'declaration', 'app', 'provisioning')),
    item_id     TEXT NOT NULL,
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    ends_at     INTEGER,                            -- time-boxed: the device itself ends it
    mode        TEXT NOT NULL DEFAULT 'required' CHECK (mode IN ('required', 'optional')),     -- optional: an app that the person may ask for
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX assignments_item ON assignments (kind, item_id, group_id);
CREATE INDEX assignments_group ON assignments (group_id);

-- Lessons in which the devices of a class show only some apps, one app or some sites.
CREATE TABLE focuses (
    id         TEXT PRIMARY KEY,
    class_id   TEXT NOT NULL REFERENCES classes (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL CHECK (kind IN ('apps', 'app', 'sites')),
    items      TEXT NOT NULL CHECK (json_valid(items)),     -- bundle ids, or addresses
    started_by TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,                    -- on the device itself, whatever becomes of us
    ended_at   INTEGER,                             -- earlier, by somebody
    ended_by   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX focuses_class ON focuses (class_id, started_at);
CREATE INDEX focuses_ends ON focuses (ends_at);

CREATE TABLE focus_devices (
    focus_id    TEXT NOT NULL REFERENCES focuses (id) ON DELETE CASCADE,
    device_id   TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    released_at INTEGER,                            -- another one took its place
    PRIMARY KEY (focus_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX focus_devices_device ON focus_devices (device_id);

-- ---------------------------------------------------------------- apps

-- Every app that this server knows: of the App Store, and of the house.
CREATE TABLE apps (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('store', 'in_house', 'package')),
    adam_id       TEXT UNIQUE,                        -- the App Store's number
    bundle_id     TEXT NOT NULL DEFAULT '',           -- of a package its identifier; empty until the store told it
    name          TEXT NOT NULL,
    note          TEXT NOT NULL DEFAULT '',
    platforms     TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(platforms)),     -- "ios", "macos" …
    facts         TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),         -- what the store says of it: versions, minimum system, icon
    facts_at      INTEGER,
    settings      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),      -- how it is managed: updates, backup, removal, attributes
    configuration_sealed BLOB,                        -- what the app itself is to know, a property list; may hold secrets
    revision      INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    CHECK ((kind = 'store') = (adam_id IS NOT NULL))
) STRICT;
CREATE INDEX apps_name ON apps (name COLLATE NOCASE, id);
CREATE UNIQUE INDEX apps_bundle ON apps (kind, bundle_id) WHERE kind <> 'store';

-- What apps were to know before: for devices that fetch it a moment after it was replaced.
CREATE TABLE past_configurations (
    app_id               TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    replaced_at          INTEGER NOT NULL,
    configuration_sealed BLOB NOT NULL,
    UNIQUE (app_id, replaced_at)
) STRICT;

-- What an app's maker says of its configuration, as the file was brought.
CREATE TABLE app_schemas (
    app_id     TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    content    BLOB NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- How each app stands on each enrollment that is to have it, may ask for it, or still has it.
CREATE TABLE app_states (
    enrollment_id    TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    app_id           TEXT NOT NULL,                   -- no reference: an app that was deleted must still go from devices
    name             TEXT NOT NULL DEFAULT '',
    adam_id          TEXT NOT NULL DEFAULT '',
    bundle_id        TEXT NOT NULL DEFAULT '',
    mechanism        TEXT NOT NULL CHECK (mechanism IN ('command', 'declaration')),
    mode             TEXT NOT NULL CHECK (mode IN ('required', 'optional')),
    holder           TEXT NOT NULL DEFAULT '',        -- whose licence: "device:<serial>", "person:<id>"; empty where none is held
    wanted           TEXT NOT NULL DEFAULT '',        -- digest of what is wanted; empty: it is to go
    sent             TEXT NOT NULL DEFAULT '',        -- digest of what was sent last
    seen             TEXT NOT NULL DEFAULT '',        -- digest of what is on the device; empty: not there, as far as is known
    stage            TEXT NOT NULL,
    stage_at         INTEGER NOT NULL,
    version          TEXT NOT NULL DEFAULT '',        -- CFBundleVersion on the device
    short_version    TEXT NOT NULL DEFAULT '',        -- what people call that
    external_version INTEGER,                         -- the App Store's number of it
    asked_version    TEXT NOT NULL DEFAULT '',        -- what an update was sent for that has not come yet
    unmoved          INTEGER NOT NULL DEFAULT 0,      -- updates in a row that were acknowledged and changed nothing
    intent           TEXT NOT NULL DEFAULT 'nothing' CHECK (intent IN ('nothing', 'install', 'remove')),
    command_uuid     TEXT COLLATE NOCASE,             -- under way
    attempts         INTEGER NOT NULL DEFAULT 0,      -- failures in a row
    due_at           INTEGER,                         -- not tried again before
    polls            INTEGER NOT NULL DEFAULT 0,      -- times that the device was asked how far it is
    poll_at          INTEGER,                         -- when to ask next
    problem          TEXT NOT NULL DEFAULT '',        -- why it stands so, a sentence
    asked_at         INTEGER,                         -- when the person, or an admin for them, asked for it
    asks             INTEGER NOT NULL DEFAULT 0,      -- how often somebody asked again
    take_over        INTEGER NOT NULL DEFAULT 0,      -- the next order takes over what the person installed
    withdrawn        INTEGER NOT NULL DEFAULT 0,      -- an optional app that somebody had removed again
    PRIMARY KEY (enrollment_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX app_states_app ON app_states (app_id, stage);
CREATE INDEX app_states_command ON app_states (command_uuid) WHERE command_uuid IS NOT NULL;
CREATE INDEX app_states_wanted ON app_states (stage, enrollment_id) WHERE wanted <> '';
CREATE INDEX app_states_trouble ON app_states (enrollment_id) WHERE stage IN ('failed', 'stuck', 'no_licence', 'lacking');

-- What apps say of themselves, as they last said it.
CREATE TABLE app_feedback (
    enrollment_id  TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    bundle_id      TEXT NOT NULL,
    content_sealed BLOB,                              -- JSON; none: asked, and it said nothing
    read_at        INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, bundle_id)
) STRICT, WITHOUT ROWID;


-- ---------------------------------------------------------------- packages

-- Files of the house's apps, one row a content; the bytes lie in the data folder, in packages/<sha256>.
CREATE TABLE packages (
    id            TEXT PRIMARY KEY,
    app_id        TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    sha256        TEXT NOT NULL UNIQUE,               -- hexadecimal, and the name of the file
    file_name     TEXT NOT NULL,                      -- as devices are told it
    size_bytes    INTEGER NOT NULL,
    version       TEXT NOT NULL,
    stage         TEXT NOT NULL CHECK (stage IN ('kept', 'pilot', 'everyone')),
    facts         TEXT NOT NULL CHECK (json_valid(facts)),      -- what the file says of itself
    hashes        TEXT NOT NULL CHECK (json_valid(hashes)),     -- digests of the whole and of each chunk
    icon          BLOB,                               -- PNG
    created_by    TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX packages_app ON packages (app_id, created_at, id);
CREATE INDEX packages_stage ON packages (app_id, stage) WHERE stage <> 'kept';

-- How new versions of an app come to devices, and whether devices can fetch it at all.
CREATE TABLE package_rollouts (
    app_id         TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    pilot_group_id TEXT REFERENCES groups (id) ON DELETE SET NULL,
    checked_url    TEXT NOT NULL DEFAULT '',          -- the address of the server that was tried
    checked_at     INTEGER,
    problem        TEXT NOT NULL DEFAULT '',          -- in words; empty: it can be fetched
    due_at         INTEGER                            -- when it is tried next
) STRICT, WITHOUT ROWID;
CREATE INDEX package_rollouts_due ON package_rollouts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX package_rollouts_group ON package_rollouts (pilot_group_id) WHERE pilot_group_id IS NOT NULL;

-- Uploads under way; how far one is, is the length of its file.
CREATE TABLE package_uploads (
    id         TEXT PRIMARY KEY,
    file_name  TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256     TEXT NOT NULL DEFAULT '',              -- what it is to be, where that was said
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- provisioning profiles

CREATE TABLE provisioning_profiles (
    id          TEXT PRIMARY KEY,
    uuid        TEXT NOT NULL UNIQUE,                 -- by which devices know it
    name        TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    facts       TEXT NOT NULL CHECK (json_valid(facts)),
    content     BLOB NOT NULL,                        -- as Apple signed it
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX provisioning_profiles_name ON provisioning_profiles (name COLLATE NOCASE, id);
CREATE INDEX provisioning_profiles_ends ON provisioning_profiles (expires_at);

-- ---------------------------------------------------------------- app access

-- Who may use an app that asks this server, and how it proves it: one row for each app that is to ask.
CREATE TABLE access_policies (
    app_id      TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    policy      TEXT NOT NULL CHECK (json_valid(policy)),
    revision    INTEGER NOT NULL DEFAULT 1,
    changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The keys that sign grants; one signs, those before it still prove what they signed.
CREATE TABLE access_keys (
    id          TEXT PRIMARY KEY,
    public_key  BLOB NOT NULL,                      -- SubjectPublicKeyInfo
    key_sealed  BLOB,                               -- PKCS#8; of the one that signs only
    created_at  INTEGER NOT NULL,
    retired_at  INTEGER,
    CHECK ((key_sealed IS NULL) = (retired_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX access_keys_signing ON access_keys (retired_at IS NULL) WHERE retired_at IS NULL;

-- The password by which a person proves to an app who they are, or the link by which they choose one.
CREATE TABLE person_passwords (
    person_id    TEXT PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    hash_sealed  BLOB,                              -- Argon2id
    link_hash    BLOB UNIQUE,                       -- SHA-256 of the token in the link
    link_ends_at INTEGER,
    changed_at   INTEGER NOT NULL,
    CHECK ((link_hash IS NULL) = (link_ends_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Where each holder of an app stands: a device that proved itself, or one installation of a person who only has a password.
CREATE TABLE access_standings (
    app_id          TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    holder          TEXT NOT NULL,                  -- an enrollment's id, or a person's id, slash, the installation's id
    enrollment_id   TEXT REFERENCES enrollments (id) ON DELETE CASCADE,
    person_id       TEXT REFERENCES people (id) ON DELETE SET NULL,
    installation    TEXT NOT NULL,
    sequence        INTEGER NOT NULL,               -- of the last grant
    acknowledged    INTEGER NOT NULL,               -- of the last grant that the app has shown to have: what is older comes from a backup
    counter         INTEGER NOT NULL,               -- the app's own count of launches and asks
    nonce           BLOB NOT NULL,                  -- SHA-256 of the last one
    asked_at        INTEGER NOT NULL,
    granted_at      INTEGER,                        -- of the last grant that allows
    offline_until   INTEGER,
    code            TEXT NOT NULL,                  -- what was said last: granted, not_assigned …
    owner_id        TEXT,                           -- the person whom this installation was first granted for: it is nobody else's, them gone or not
    ended_at        INTEGER,                        -- of the first refusal that ended the right, until it is granted again
    PRIMARY KEY (app_id, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_standings_enrollment ON access_standings (enrollment_id);
CREATE INDEX access_standings_person ON access_standings (person_id);
CREATE INDEX access_standings_installation ON access_standings (app_id, installation);

-- Copies of what people changed in an app while it was offline. They outlive device and person: time removes them, or who deletes the app and gives them up.
CREATE TABLE offline_copies (
    id              TEXT PRIMARY KEY,
    app_id          TEXT NOT NULL,
    holder          TEXT NOT NULL,
    document        TEXT NOT NULL,                  -- the app's own name for it
    version         INTEGER NOT NULL,               -- counts from 1 for each holder and document
    media_type      TEXT NOT NULL,
    size_bytes      INTEGER NOT NULL,
    sha256          BLOB NOT NULL,
    content_sealed  BLOB NOT NULL,
    device_id       TEXT,
    person_id       TEXT,
    whose           TEXT NOT NULL,                  -- device and person in words, as they were called
    after_refusal   INTEGER NOT NULL CHECK (after_refusal IN (0, 1)),
    created_at      INTEGER NOT NULL,
    keep_until      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX offline_copies_version ON offline_copies (app_id, holder, document, version);
CREATE INDEX offline_copies_app ON offline_copies (app_id, created_at DESC, id DESC);
CREATE INDEX offline_copies_ends ON offline_copies (keep_until);
CREATE INDEX offline_copies_device ON offline_copies (app_id, device_id, size_bytes);
CREATE TRIGGER offline_copies_stay BEFORE UPDATE ON offline_copies BEGIN SELECT RAISE(ABORT, 'copies are never changed'); END;

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

-- ---------------------------------------------------------------- catalogue

-- What the person at a device has asked for.
CREATE TABLE app_requests (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    app_id        TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    generation    INTEGER NOT NULL,                 -- of the enrollment: a new one has asked for nothing
    asked_at      INTEGER NOT NULL,                 -- last
    times         INTEGER NOT NULL DEFAULT 1,
    withdrawn_at  INTEGER,                          -- they do not want it any more
    PRIMARY KEY (enrollment_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX app_requests_app ON app_requests (app_id);

-- ---------------------------------------------------------------- licences

-- Locations of Apps and Books, each known by its content token.
CREATE TABLE content_tokens (
    id                   TEXT PRIMARY KEY,
    location_uid         TEXT NOT NULL UNIQUE,       -- uId: the same after every renewal
    token_sealed         BLOB NOT NULL,
    organisation         TEXT NOT NULL DEFAULT '',
    location             TEXT NOT NULL DEFAULT '',
    country              TEXT NOT NULL DEFAULT '',
    platform             TEXT NOT NULL DEFAULT '',    -- "enterprisestore", "volumestore"
    practice             INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    state                TEXT NOT NULL CHECK (state IN ('ready', 'taken', 'refused')),
    other_server         TEXT NOT NULL DEFAULT '',    -- who has claimed it, as far as that is said
    problem              TEXT NOT NULL DEFAULT '',    -- why the last round with Apple failed, in words
    failures             INTEGER NOT NULL DEFAULT 0,  -- in a row
    expires_at           INTEGER NOT NULL,
    notify_secret_sealed BLOB,                        -- by which Apple proves itself; absent while it tells us nothing
    service              TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(service)),      -- its addresses and limits
    service_at           INTEGER,
    assignments_version  TEXT NOT NULL DEFAULT '',
    sync_due_at          INTEGER,
    synced_at            INTEGER,
    synced_whole_at      INTEGER,                     -- when all assignments were last read, not only what changed
    due_at               INTEGER,                     -- when there is next something to do with it
    busy_until_at        INTEGER,                     -- somebody is at it
    created_at           INTEGER NOT NULL,
    uploaded_at          INTEGER NOT NULL
) STRICT;

-- What a location owns.
CREATE TABLE licence_assets (
    token_id          TEXT NOT NULL REFERENCES content_tokens (id) ON DELETE CASCADE,
    adam_id           TEXT NOT NULL,
    pricing_param     TEXT NOT NULL,
    product_type      TEXT NOT NULL DEFAULT '',
    device_assignable INTEGER NOT NULL CHECK (device_assignable IN (0, 1)),
    platforms         TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(platforms)),
    owned             INTEGER,                        -- NULL: as many as anybody wants
    assigned          INTEGER NOT NULL,               -- by Apple's count, and what came about since
    listed            INTEGER NOT NULL DEFAULT 0,     -- rows of licence_book
    reserved          INTEGER NOT NULL DEFAULT 0,     -- rows of licences that have a place and are not in the book yet
    as_of_at          INTEGER NOT NULL,
    PRIMARY KEY (token_id, adam_id, pricing_param)
) STRICT, WITHOUT ROWID;
CREATE INDEX licence_assets_adam ON licence_assets (adam_id);

-- Apple's book as far as it is known: who has what, whoever assigned it.
CREATE TABLE licence_book (
    token_id      TEXT NOT NULL REFERENCES content_tokens (id) ON DELETE CASCADE,
    adam_id       TEXT NOT NULL,
    pricing_param TEXT NOT NULL,
    holder_kind   TEXT NOT NULL CHECK (holder_kind IN ('device', 'person')),
    holder        TEXT NOT NULL,                      -- serial number in capitals, or clientUserId
    PRIMARY KEY (token_id, adam_id, pricing_param, holder_kind, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX licence_book_holder ON licence_book (holder, adam_id);

-- What this server wants, wanted, or has of it.
CREATE TABLE licences (
    adam_id       TEXT NOT NULL,
    holder_kind   TEXT NOT NULL CHECK (holder_kind IN ('device', 'person')),
    holder        TEXT NOT NULL,
    practice      INTEGER NOT NULL DEFAULT 0 CHECK (practice IN (0, 1)),
    token_id      TEXT REFERENCES content_tokens (id) ON DELETE SET NULL,       -- whose place it has; NULL: there was none
    pricing_param TEXT NOT NULL DEFAULT '',
    wanted        INTEGER NOT NULL CHECK (wanted IN (0, 1)),
    stage         TEXT NOT NULL CHECK (stage IN ('open', 'asked', 'held', 'leaving', 'failed')),
    event_id      TEXT,
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER,                            -- not asked for again before
    problem       TEXT NOT NULL DEFAULT '',
    since_at      INTEGER NOT NULL,                   -- who waits longest is served first
    changed_at    INTEGER NOT NULL,
    PRIMARY KEY (adam_id, holder_kind, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX licences_holder ON licences (holder);
CREATE INDEX licences_event ON licences (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX licences_token ON licences (token_id, stage, wanted, due_at);
CREATE INDEX licences_short ON licences (adam_id, practice, since_at) WHERE token_id IS NULL;

-- What Apple was asked to do and has not said it did.
CREATE TABLE licence_events (
    event_id   TEXT PRIMARY KEY,
    token_id   TEXT NOT NULL REFERENCES content_tokens (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL CHECK (kind IN ('associate', 'disassociate', 'users')),
    asked_at   INTEGER NOT NULL,
    due_at     INTEGER NOT NULL                       -- when to look next
) STRICT, WITHOUT ROWID;
CREATE INDEX licence_events_token ON licence_events (token_id, due_at);

-- People as Apps and Books knows them.
CREATE TABLE licence_users (
    token_id           TEXT NOT NULL REFERENCES content_tokens (id) ON DELETE CASCADE,
    person_id          TEXT NOT NULL,                 -- clientUserId too; outlives the person until it is retired
    wanted             INTEGER NOT NULL CHECK (wanted IN (0, 1)),
    known              INTEGER NOT NULL DEFAULT 0 CHECK (known IN (0, 1)),    -- Apple was told of them before
    state              TEXT NOT NULL CHECK (state IN ('new', 'asked', 'registered', 'associated', 'retiring', 'retired', 'failed')),
    email              TEXT NOT NULL DEFAULT '',
    managed_apple_id   TEXT NOT NULL DEFAULT '',
    invite_code_sealed BLOB,
    invited_at         INTEGER,
    id_hash            TEXT NOT NULL DEFAULT '',      -- equals iTunesStoreAccountHash of the device that the account is on
    event_id           TEXT,
    attempts           INTEGER NOT NULL DEFAULT 0,
    due_at             INTEGER,
    problem            TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (token_id, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX licence_users_state ON licence_users (token_id, state, wanted, due_at);
CREATE INDEX licence_users_person ON licence_users (person_id);
CREATE INDEX licence_users_event ON licence_users (event_id) WHERE event_id IS NOT NULL;

-- What Apple told by itself, so that it is heard once.
CREATE TABLE licence_notices (
    notification_id TEXT PRIMARY KEY,
    at              INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX licence_notices_at ON licence_notices (at);

-- Redemption codes of the old programme: each is given away once.
CREATE TABLE redemption_codes (
    id            TEXT PRIMARY KEY,
    adam_id       TEXT NOT NULL,
    code_hash     BLOB NOT NULL UNIQUE,               -- SHA-256
    code_sealed   BLOB NOT NULL,
    enrollment_id TEXT,
    taken_at      INTEGER,
    imported_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX redemption_codes_free ON redemption_codes (adam_id, imported_at) WHERE taken_at IS NULL;
CREATE INDEX redemption_codes_taken ON redemption_codes (enrollment_id, adam_id) WHERE enrollment_id IS NOT NULL;

-- What the App Store says of what is owned.
CREATE TABLE store_items (
    adam_id    TEXT PRIMARY KEY,
    facts      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),
    icon       BLOB,
    icon_url   TEXT NOT NULL DEFAULT '',              -- where the icon that is here came from
    read_at    INTEGER,
    due_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX store_items_due ON store_items (due_at);

-- ---------------------------------------------------------------- times of their own

-- Profiles that remove themselves after a while: when a device got them, so that one where that has run out does not get them again.
CREATE TABLE profile_times (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    identifier    TEXT NOT NULL,                      -- PayloadIdentifier
    installed_at  INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, identifier)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- what was sent, and what is seen

-- What an enrollment is to have, what it was sent, and what it is known to have: one row per profile, and one for its declarations.
CREATE TABLE deployments (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    key           TEXT NOT NULL,                    -- "profile:<PayloadIdentifier>", "declarations"
    mechanism     TEXT NOT NULL CHECK (mechanism IN ('command', 'declaration')),
    wanted        TEXT NOT NULL DEFAULT '',         -- digest of what is wanted; empty: it is to go
    sent          TEXT NOT NULL DEFAULT '',         -- digest of what was sent last; empty: it was told to go, or nothing was sent
    seen          TEXT NOT NULL DEFAULT '',         -- digest of what the device confirmed; empty: not there, as far as is known
    payload_uuid  TEXT NOT NULL DEFAULT '',         -- PayloadUUID of what was sent: ProfileList tells versions apart by it
    name          TEXT NOT NULL DEFAULT '',         -- for people
    command_uuid  TEXT COLLATE NOCASE,              -- under way
    attempts      INTEGER NOT NULL DEFAULT 0,       -- failures in a row
    due_at        INTEGER,                          -- not tried again before
    problem       TEXT NOT NULL DEFAULT '',         -- why the last attempt failed, in words
    origins       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(origins)),
    changed_at    INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX deployments_key ON deployments (key);
CREATE INDEX deployments_command ON deployments (command_uuid) WHERE command_uuid IS NOT NULL;
CREATE INDEX deployments_problem ON deployments (enrollment_id) WHERE problem <> '';

-- The declarations that an enrollment is served; what they say is kept once for all that share it.
CREATE TABLE declared (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    identifier    TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('activation', 'asset', 'configuration', 'management')),
    server_token  TEXT NOT NULL,
    origins       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(origins)),
    PRIMARY KEY (enrollment_id, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX declared_token ON declared (server_token);

CREATE TABLE documents (
    server_token   TEXT PRIMARY KEY,
    content_sealed BLOB NOT NULL                    -- JSON of the declaration
) STRICT, WITHOUT ROWID;

-- What an enrollment says of its declarations.
CREATE TABLE declaration_states (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    identifier    TEXT NOT NULL,
    kind          TEXT NOT NULL,
    server_token  TEXT NOT NULL,
    active        INTEGER NOT NULL CHECK (active IN (0, 1)),
    valid         TEXT NOT NULL,                    -- unknown, valid, invalid
    reasons       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(reasons)),
    PRIMARY KEY (enrollment_id, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX declaration_states_invalid ON declaration_states (enrollment_id) WHERE valid = 'invalid';

-- What an enrollment says of itself by status reports, merged.
CREATE TABLE status_items (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    item          TEXT NOT NULL,                    -- device.operating-system.version
    value         TEXT NOT NULL CHECK (json_valid(value)),
    at            INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, item)
) STRICT, WITHOUT ROWID;

-- When an enrollment was last asked to say anew what became of its declarations.
CREATE TABLE news_asked (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per enrollment that was planned for.
CREATE TABLE plans (
    enrollment_id      TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    generation         INTEGER NOT NULL,            -- of the enrollment: a new one has nothing of what the old one had
    due_at             INTEGER,                     -- wanted or seen may have changed, or a wait is over
    planned_at         INTEGER,
    declarations_token TEXT NOT NULL DEFAULT '',    -- of the set it is served
    token_changed_at   INTEGER,
    status_at          INTEGER,                     -- its last status report
    unable             TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(unable))    -- what it cannot have, and why
) STRICT, WITHOUT ROWID;
CREATE INDEX plans_due ON plans (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX plans_unable ON plans (enrollment_id) WHERE unable <> '[]';

-- ---------------------------------------------------------------- updates

-- What Apple's lookup service lists, and what it listed before.
CREATE TABLE releases (
    platform     TEXT NOT NULL,                     -- as listed: iOS (with tvOS and watchOS), macOS, visionOS
    version      TEXT NOT NULL,                     -- "26.1"
    extra        TEXT NOT NULL DEFAULT '',          -- letters of a background security improvement: "a"
    build        TEXT NOT NULL DEFAULT '',
    prerequisite TEXT NOT NULL DEFAULT '',          -- the build that a device must run to take it
    offers       TEXT NOT NULL CHECK (json_valid(offers)),     -- to which devices, in which list, posted and expiring when
    appeared_at  INTEGER NOT NULL,
    vanished_at  INTEGER,                           -- not listed any more
    PRIMARY KEY (platform, version, extra, build, prerequisite)
) STRICT, WITHOUT ROWID;

-- The listed releases by device, for those that ask by it; device '': Apple did not say for which.
CREATE TABLE release_devices (
    platform     TEXT NOT NULL,
    device       TEXT NOT NULL,                     -- product name, board identifier of a Mac
    version      TEXT NOT NULL,
    extra        TEXT NOT NULL,
    build        TEXT NOT NULL,
    prerequisite TEXT NOT NULL,
    posted       TEXT,                              -- the first day of all lists
    expires      TEXT,                              -- the last day of all lists; NULL: it does not end
    managed      INTEGER NOT NULL CHECK (managed IN (0, 1)),   -- in the list for managed devices
    PRIMARY KEY (platform, device, version, extra, build, prerequisite)
) STRICT, WITHOUT ROWID;
CREATE INDEX release_devices_release ON release_devices (platform, version, extra, build, prerequisite);

-- What is intended: which release, where, by when.
CREATE TABLE update_plans (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note            TEXT NOT NULL DEFAULT '',
    rules           TEXT NOT NULL CHECK (json_valid(rules)),   -- target, rings, deadline, quiet hours …
    stopped_at      INTEGER,                        -- nothing more is begun
    stopped_because TEXT NOT NULL DEFAULT '',
    revision        INTEGER NOT NULL DEFAULT 1,
    created_by      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL
) STRICT;

-- The groups of each ring; of several rings a device is in the first.
CREATE TABLE update_rings (
    plan_id  TEXT NOT NULL REFERENCES update_plans (id) ON DELETE CASCADE,
    ring     INTEGER NOT NULL,                      -- from 0
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (plan_id, ring, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_rings_group ON update_rings (group_id);

-- Devices that a plan leaves alone, for a reason and a while.
CREATE TABLE update_exceptions (
    plan_id    TEXT NOT NULL REFERENCES update_plans (id) ON DELETE CASCADE,
    device_id  TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    reason     TEXT NOT NULL,
    ends_at    INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (plan_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_exceptions_device ON update_exceptions (device_id);

-- How each plan stands on each enrollment of its scope; plan '': what was started by hand.
CREATE TABLE update_states (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    plan_id       TEXT NOT NULL,
    ring          INTEGER NOT NULL DEFAULT 0,
    version       TEXT NOT NULL DEFAULT '',         -- of the release that is meant, with its letters; '': none
    build         TEXT NOT NULL DEFAULT '',
    mechanism     TEXT NOT NULL CHECK (mechanism IN ('command', 'declaration')),
    action        TEXT NOT NULL CHECK (action IN ('download', 'notify', 'later', 'install', 'force')),
    deadline      TEXT NOT NULL DEFAULT '',         -- on the device's own clock
    deadline_at   INTEGER,                          -- the same as a moment
    stage         TEXT NOT NULL,
    problem       TEXT NOT NULL DEFAULT '',         -- why it stands so, in words
    percent       INTEGER,                          -- of the download
    product_key   TEXT NOT NULL DEFAULT '',         -- by which commands name it
    scheduled     TEXT NOT NULL DEFAULT '',         -- the InstallAction that the device took last
    asked         TEXT NOT NULL DEFAULT '',         -- what the command that is under way does
    command_uuid  TEXT COLLATE NOCASE,
    attempts      INTEGER NOT NULL DEFAULT 0,       -- failures in a row
    unmoved       INTEGER NOT NULL DEFAULT 0,       -- questions in a row that showed no progress
    due_at        INTEGER,                          -- not tried or asked again before
    ordered_by    TEXT NOT NULL DEFAULT '',         -- who started it by hand
    begun_at      INTEGER,                          -- its turn came
    done_at       INTEGER,
    changed_at    INTEGER NOT NULL,
    inability     TEXT NOT NULL DEFAULT 'other',    -- what kind of thing stands against it, where the device cannot have it
    PRIMARY KEY (enrollment_id, plan_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX update_states_plan ON update_states (plan_id, stage);
CREATE INDEX update_states_command ON update_states (command_uuid) WHERE command_uuid IS NOT NULL;
CREATE INDEX update_states_open ON update_states (deadline_at, stage) WHERE stage NOT IN ('done', 'cannot', 'excepted');

-- What AvailableOSUpdates said last.
CREATE TABLE update_offers (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    offers        TEXT NOT NULL CHECK (json_valid(offers)),
    at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One line for each device and release that a plan brought, or tried to: what a burn-down is drawn from.
CREATE TABLE update_runs (
    id         INTEGER PRIMARY KEY,
    plan_id    TEXT NOT NULL REFERENCES update_plans (id) ON DELETE CASCADE,
    device_id  TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    ring       INTEGER NOT NULL,
    version    TEXT NOT NULL,
    begun_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    outcome    TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'done', 'replaced', 'withdrawn')),
    failures   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX update_runs_plan ON update_runs (plan_id, begun_at);
CREATE INDEX update_runs_ended ON update_runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX update_runs_open ON update_runs (plan_id, device_id) WHERE ended_at IS NULL;

-- How many devices ran which version on a day.
CREATE TABLE os_census (
    day      TEXT NOT NULL,
    platform TEXT NOT NULL,
    version  TEXT NOT NULL,
    devices  INTEGER NOT NULL,
    PRIMARY KEY (day, platform, version)
) STRICT, WITHOUT ROWID;

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
    created_at        INTEGER NOT NULL,
    discovery_url     TEXT NOT NULL DEFAULT '',     -- where Apple was told that devices ask by an account
    discovery_problem TEXT NOT NULL DEFAULT '',     -- why it does not take that address
    discovery_due_at  INTEGER                       -- when it is told again
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

-- Beta programmes of the organisation, as Apple lists them for each server token.
CREATE TABLE beta_lists (
    server_id TEXT PRIMARY KEY REFERENCES ade_servers (id) ON DELETE CASCADE,
    taken_at  INTEGER,                              -- when Apple last gave the list; what it gave stays until it gives another
    problem   TEXT NOT NULL DEFAULT '',             -- why it did not the last time, in words
    due_at    INTEGER NOT NULL                      -- when it is asked next
) STRICT, WITHOUT ROWID;
CREATE TABLE beta_programs (
    server_id    TEXT NOT NULL REFERENCES ade_servers (id) ON DELETE CASCADE,
    id           TEXT NOT NULL,                     -- of system and title: the same at every server and in every list
    os           TEXT NOT NULL,                     -- in Apple's word
    title        TEXT NOT NULL,
    token_sealed BLOB,                              -- absent once Apple lists it no more
    listed_at    INTEGER NOT NULL,                  -- since when it is on the list
    gone_at      INTEGER,                           -- since when it is not any more
    PRIMARY KEY (server_id, id)
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
    migrates_by_at     INTEGER,                     -- until when Apple has it move here from another server, without being erased
    migrated_at        INTEGER,                     -- when it has come so
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

-- ---------------------------------------------------------------- what happened, and who is told

-- The audit log, the device's timeline and the page's live stream are one table.
CREATE TABLE events (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    kind          TEXT NOT NULL,                    -- "command.queued", "enrollment.enrolled" …
    actor_kind    TEXT NOT NULL CHECK (actor_kind IN ('person', 'token', 'device', 'job', 'console')),
    actor         TEXT NOT NULL,
    device_id     TEXT,
    enrollment_id TEXT,
    command_uuid  TEXT,
    data          TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data))   -- nothing secret
) STRICT;
CREATE INDEX events_device ON events (device_id, seq) WHERE device_id IS NOT NULL;
CREATE INDEX events_kind ON events (kind, seq);
CREATE INDEX events_actor ON events (actor, seq) WHERE actor_kind <> 'device' OR device_id IS NULL;
CREATE INDEX events_at ON events (at);

CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY,
    url             TEXT NOT NULL,
    hmac_key_sealed BLOB,
    topics          TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(topics)),    -- empty: all
    include_secrets INTEGER NOT NULL DEFAULT 0 CHECK (include_secrets IN (0, 1)),
    disabled_at     INTEGER,
    created_at      INTEGER NOT NULL
) STRICT;

-- The outbox: one row per event and webhook, in order per device, until it was delivered.
CREATE TABLE webhook_deliveries (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    device_id   TEXT NOT NULL,                      -- the order is kept per device
    topic       TEXT NOT NULL,
    body_sealed BLOB NOT NULL,                      -- the JSON as it will be sent
    attempts    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL,
    last_error  TEXT NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (webhook_id, device_id, seq);

-- What was posted to each webhook and what came of it: the newest, one row per event.
CREATE TABLE webhook_log (
    seq         INTEGER PRIMARY KEY,                -- that of its delivery
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    device_id   TEXT NOT NULL,                      -- empty: about none
    topic       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    status      INTEGER,                            -- of the last answer; absent where none came
    error       TEXT NOT NULL DEFAULT '',           -- why the last try failed; empty: it did not
    attempts    INTEGER NOT NULL,
    next_at     INTEGER,                            -- of the next try
    body_sealed BLOB,                               -- to deliver it again; absent while it waits, and where it is too large
    created_at  INTEGER NOT NULL,
    tried_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_log_of ON webhook_log (webhook_id, seq);

-- ---------------------------------------------------------------- an appliance to trust

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

-- ---------------------------------------------------------------- notices away from the page

-- Whom mail goes to.
CREATE TABLE notice_recipients (
    id         TEXT PRIMARY KEY,
    admin_id   TEXT UNIQUE REFERENCES admins (id) ON DELETE CASCADE,   -- absent: an address of nobody who logs in
    address    TEXT NOT NULL,
    kinds      TEXT NOT NULL CHECK (json_valid(kinds)),                -- words: what they want to hear of
    created_at INTEGER NOT NULL
) STRICT;

-- What is known of each cause, so that nothing is told twice.
CREATE TABLE notice_causes (
    key       TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,
    what      TEXT NOT NULL,                        -- as it was last told, for saying that it is mended
    seen_at   INTEGER NOT NULL,                     -- since when it stands
    told_at   INTEGER,                              -- absent: not told yet
    step      INTEGER,                              -- of something that ends: how many days before it was last told
    ends_at   INTEGER,                              -- for which end
    gone_at   INTEGER,                              -- since when it does not stand any more
    mended_at INTEGER                               -- when that was told
) STRICT, WITHOUT ROWID;

-- What was told, for a while.
CREATE TABLE notices (
    id        TEXT PRIMARY KEY,
    key       TEXT NOT NULL,
    kind      TEXT NOT NULL,
    harm      INTEGER NOT NULL,
    what      TEXT NOT NULL,
    why       TEXT NOT NULL,
    path      TEXT NOT NULL,                        -- of the page where it is looked after
    told_at   INTEGER NOT NULL,
    mailed_at INTEGER                               -- when it was put into letters; absent: it waits for the next ones
) STRICT;
CREATE INDEX notices_told ON notices (told_at);
CREATE INDEX notices_mailed ON notices (mailed_at);

-- Mail that waits, and how earlier mail went.
CREATE TABLE letters (
    id         TEXT PRIMARY KEY,
    occasion   TEXT NOT NULL CHECK (occasion IN ('notices', 'digest', 'test')),
    address    TEXT NOT NULL,
    subject    TEXT NOT NULL,
    plain      TEXT NOT NULL,
    html       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER,                             -- present exactly while it waits
    said       TEXT NOT NULL DEFAULT '',            -- the mail server's last words, or why it could not be asked
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX letters_due ON letters (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX letters_created ON letters (created_at);
