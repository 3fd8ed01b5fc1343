-- Who is told by e-mail of what needs somebody, what was told already, and the letters.
CREATE TABLE notice_recipients (
    id         TEXT PRIMARY KEY,
    admin_id   TEXT UNIQUE REFERENCES admins (id) ON DELETE CASCADE,
    address    TEXT NOT NULL,
    kinds      TEXT NOT NULL CHECK (json_valid(kinds)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE notice_causes (
    key       TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,
    what      TEXT NOT NULL,
    seen_at   INTEGER NOT NULL,
    told_at   INTEGER,
    step      INTEGER,
    ends_at   INTEGER,
    gone_at   INTEGER,
    mended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE notices (
    id        TEXT PRIMARY KEY,
    key       TEXT NOT NULL,
    kind      TEXT NOT NULL,
    harm      INTEGER NOT NULL,
    what      TEXT NOT NULL,
    why       TEXT NOT NULL,
    path      TEXT NOT NULL,
    told_at   INTEGER NOT NULL,
    mailed_at INTEGER
) STRICT;
CREATE INDEX notices_told ON notices (told_at);
CREATE INDEX notices_mailed ON notices (mailed_at);
CREATE TABLE letters (
    id         TEXT PRIMARY KEY,
    occasion   TEXT NOT NULL CHECK (occasion IN ('notices', 'digest', 'test')),
    address    TEXT NOT NULL,
    subject    TEXT NOT NULL,
    plain      TEXT NOT NULL,
    html       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER,
    said       TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX letters_due ON letters (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX letters_created ON letters (created_at);
