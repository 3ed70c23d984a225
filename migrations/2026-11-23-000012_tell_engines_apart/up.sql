-- Two engines may share this database, and an instance's id means something to its own engine only.
-- Nothing was queued for an engine and no link was mailed before this migration.
ALTER TABLE outbox ADD COLUMN engine_id text;
ALTER TABLE outbox ADD CONSTRAINT outbox_engine_check
    CHECK ((channel = 'engine_message') = (engine_id IS NOT NULL));
ALTER TABLE email_verifications ADD COLUMN engine_id text NOT NULL DEFAULT 'default';
ALTER TABLE email_verifications ALTER COLUMN engine_id DROP DEFAULT;
