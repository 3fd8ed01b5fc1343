CREATE TABLE people (
    id          TEXT PRIMARY KEY,
    source      TEXT NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'csv', 'oneroster')),
    source_id   TEXT,                               -- its key in that source; absent for those made by hand
    name        TEXT NOT NULL,
    email       TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    role        TEXT NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'teacher', 'staff')),
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX people_source ON people (source, source_id) WHERE source_id IS NOT NULL;
CREATE INDEX people_email ON people (email) WHERE email <> '';

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

ALTER TABLE devices ADD COLUMN person_id TEXT REFERENCES people (id) ON DELETE SET NULL;
CREATE INDEX devices_person ON devices (person_id) WHERE person_id IS NOT NULL;

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

-- What is wanted on the devices of a group.
CREATE TABLE assignments (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('profile', 'policy', 'declaration')),
    item_id     TEXT NOT NULL,
    group_id    TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    ends_at     INTEGER,                            -- time-boxed: the device itself ends it
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX assignments_item ON assignments (kind, item_id, group_id);
CREATE INDEX assignments_group ON assignments (group_id);
CREATE INDEX assignments_ends ON assignments (ends_at) WHERE ends_at IS NOT NULL;

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

-- What an enrollment says of itself by status reports, merged.
CREATE TABLE status_items (
    enrollment_id TEXT NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    item          TEXT NOT NULL,                    -- device.operating-system.version
    value         TEXT NOT NULL CHECK (json_valid(value)),
    at            INTEGER NOT NULL,
    PRIMARY KEY (enrollment_id, item)
) STRICT, WITHOUT ROWID;

-- One row per enrollment that was planned for.
CREATE TABLE plans (
    enrollment_id      TEXT PRIMARY KEY REFERENCES enrollments (id) ON DELETE CASCADE,
    generation         INTEGER NOT NULL,            -- of the enrollment: a new one has nothing of what the old one had
    due_at             INTEGER,                     -- wanted or seen may have changed, or a wait is over
    planned_at         INTEGER,
    declarations_token TEXT NOT NULL DEFAULT '',    -- of the set it is served
    token_changed_at   INTEGER,
    seen_token         TEXT NOT NULL DEFAULT '',    -- of the set it last fetched
    status_at          INTEGER,                     -- its last status report
    unable             TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(unable))    -- what it cannot have, and why
) STRICT, WITHOUT ROWID;
CREATE INDEX plans_due ON plans (due_at) WHERE due_at IS NOT NULL;

-- Whoever is enrolled already is looked at as soon as the server runs.
INSERT INTO plans (enrollment_id, generation, due_at) SELECT id, generation, 0 FROM enrollments WHERE state = 'enrolled';
