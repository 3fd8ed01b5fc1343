-- Apps and everything around them.

-- What is wanted on groups may be an app.
CREATE TABLE assignments_new (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('profile', 'policy', 'declaration', 'app', 'provisioning')),
    item_id     TEXT NOT NULL,
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    ends_at     INTEGER,                            -- time-boxed: the device itself ends it
    mode        TEXT NOT NULL DEFAULT 'required' CHECK (mode IN ('required', 'optional')),     -- optional: an app that the person may ask for
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
INSERT INTO assignments_new SELECT id, kind, item_id, group_id, ends_at, 'required', created_by, created_at FROM assignments;
DROP TABLE assignments;
ALTER TABLE assignments_new RENAME TO assignments;
CREATE UNIQUE INDEX assignments_item ON assignments (kind, item_id, group_id);
CREATE INDEX assignments_group ON assignments (group_id);
CREATE INDEX assignments_ends ON assignments (ends_at) WHERE ends_at IS NOT NULL;

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

-- What apps say of themselves, as they last said it.
CREATE TABLE app_feedback (
    enrollment_id  TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    bundle_id      TEXT NOT NULL,
    content_sealed BLOB,                              -- JSON; none: asked, and it said nothing
    read_at        INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, bundle_id)
) STRICT, WITHOUT ROWID;


-- ---------------------------------------------------------------- declarations: the data of assets, and asking for news

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

-- When an enrollment was last asked to say anew what became of its declarations.
CREATE TABLE news_asked (
    enrollment_id TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    at            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- plans: a column that nothing was ever written into

ALTER TABLE plans DROP COLUMN seen_token;

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
CREATE UNIQUE INDEX packages_stage ON packages (app_id, stage) WHERE stage <> 'kept';

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
    PRIMARY KEY (app_id, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_standings_enrollment ON access_standings (enrollment_id);
CREATE INDEX access_standings_person ON access_standings (person_id);

-- Copies of what people changed in an app while it was offline. They outlive app, device and person: only time removes them.
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
CREATE TRIGGER offline_copies_stay BEFORE UPDATE ON offline_copies BEGIN SELECT RAISE(ABORT, 'copies are never changed'); END;

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

ALTER TABLE people ADD COLUMN managed_apple_id TEXT NOT NULL DEFAULT '' COLLATE NOCASE;

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
