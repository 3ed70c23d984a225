-- Business facts about a user or a merchant. The subject may be a row that is not ours to keep,
-- so there is no foreign key: the fact outlives the row.
CREATE TABLE security_events (
    security_event_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN (
        'kyc_validated', 'merchant_approved', 'merchant_declined',
        'multiple_failed_logins', 'unusual_transaction_pattern'
    )),
    user_id uuid,
    merchant_id uuid,
    details jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    process_instance_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, merchant_id) = 1)
);

CREATE INDEX security_events_user_id_idx ON security_events (user_id);
CREATE INDEX security_events_merchant_id_idx ON security_events (merchant_id);
