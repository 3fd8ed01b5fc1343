-- The first questions of an enrollment go into its queue when the device connects, not before.
ALTER TABLE enrollments ADD COLUMN questions_due INTEGER NOT NULL DEFAULT 0 CHECK (questions_due IN (0, 1));
