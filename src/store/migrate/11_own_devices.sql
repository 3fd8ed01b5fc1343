-- People who bring their own devices, and devices that come back.

-- An app may have a version in place for each platform.
DROP INDEX packages_stage;
CREATE INDEX packages_stage ON packages (app_id, stage) WHERE stage <> 'kept';
