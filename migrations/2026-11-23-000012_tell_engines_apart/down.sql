ALTER TABLE email_verifications DROP COLUMN engine_id;
ALTER TABLE outbox DROP COLUMN engine_id;
