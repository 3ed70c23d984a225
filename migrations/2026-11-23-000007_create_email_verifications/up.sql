-- A link that was mailed. Neither the token nor its hash is here: the token is recomputed from
-- this row and the key named by key_id, so that no dump of the database holds a usable link.
CREATE TABLE email_verifications (
    verification_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    email text NOT NULL,
    key_id text NOT NULL CHECK (key_id ~ '^[0-9a-f]{8}$'),
    process_instance_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    superseded_at timestamptz,
    confirmed_at timestamptz,
    CHECK (expires_at > created_at)
);

-- One link of a user is open at a time: a new one ends the older ones in the same transaction.
CREATE UNIQUE INDEX email_verifications_open_key ON email_verifications (user_id)
    WHERE superseded_at IS NULL AND confirmed_at IS NULL;
CREATE INDEX email_verifications_user_id_idx ON email_verifications (user_id);
