-- Each push that fails asks how many of its topic did: with thousands of devices that must be no look through all of them.
CREATE INDEX enrollments_push_error ON enrollments (topic, push_error) WHERE push_error <> '' AND state = 'enrolled';
