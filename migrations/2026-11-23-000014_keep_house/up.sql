-- What housekeeping looks for, each found by an index: every statement ends within seconds, and so
-- must its search. task_deliveries needs none: a task that is heard of leaves no row there.
CREATE INDEX task_completions_completed_at_idx ON task_completions (engine_id, completed_at);
CREATE INDEX outbox_sent_at_idx ON outbox (sent_at) WHERE state = 'sent';
-- Only requests that still hold what is to be forgotten.
CREATE INDEX wallet_creation_requests_personal_idx ON wallet_creation_requests (updated_at)
    WHERE status <> 'approved'
      AND num_nonnulls(first_name, last_name, email, phone_number, national_id, date_of_birth) > 0;

-- When a worker last began a round: however many replicas look at the clock, one of them cleans.
CREATE TABLE housekeeping_rounds (
    engine_id text PRIMARY KEY,
    begun_at  timestamptz NOT NULL DEFAULT now()
);
