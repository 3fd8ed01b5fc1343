-- Apps and everything around them.

-- What is wanted on groups may be an app.
CREATE TABLE assignments_new (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('profile', 'policy', 'declaration', 'app', 'provisioning')),
    item_id     TEXT NOT NULL,
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    ends_at     INTEGER,                            -- time-boxed: the device itself ends it
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
INSERT INTO assignments_new SELECT id, kind, item_id, group_id, ends_at, created_by, created_at FROM assignments;
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

