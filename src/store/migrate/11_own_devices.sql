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
