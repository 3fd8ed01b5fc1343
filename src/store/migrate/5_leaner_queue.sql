-- Each index of these tables costs every command and report; what is looked up oldest first goes by the table's own order.
DROP INDEX commands_uuid;
DROP INDEX commands_all_uuid;
DROP INDEX commands_open;
DROP INDEX reports_received;
CREATE UNIQUE INDEX commands_uuid ON commands (uuid, enrollment_id);
CREATE INDEX commands_enrollment ON commands (enrollment_id, finished_at, priority DESC, seq);
