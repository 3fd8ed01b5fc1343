-- People who bring their own devices, and devices that come back.

-- An app may have a version in place for each platform.
DROP INDEX packages_stage;
CREATE INDEX packages_stage ON packages (app_id, stage) WHERE stage <> 'kept';

-- Devices to which something could not be brought are found by what failed.
CREATE INDEX deployments_problem ON deployments (enrollment_id) WHERE problem <> '';
CREATE INDEX app_states_trouble ON app_states (enrollment_id) WHERE stage IN ('failed', 'stuck', 'no_licence', 'lacking');
CREATE INDEX declaration_states_invalid ON declaration_states (enrollment_id) WHERE valid = 'invalid';
