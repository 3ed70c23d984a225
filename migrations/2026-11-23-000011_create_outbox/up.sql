-- Mails and engine messages that a committed transaction owes the world. The key is unique, so
-- that a change asked for twice tells the world once.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    notification_key text NOT NULL UNIQUE,
    channel text NOT NULL CHECK (channel IN ('mail', 'engine_message')),
    template text NOT NULL,
    -- The parameters, with personal data in them: emptied as soon as the message is out.
    payload jsonb,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    claim_token uuid,
    claimed_until timestamptz,
    last_error text,
    process_instance_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CHECK (state = 'sent' OR payload IS NOT NULL),
    CHECK ((claim_token IS NULL) = (claimed_until IS NULL))
);

CREATE INDEX outbox_open_idx ON outbox (state, channel, next_attempt_at) WHERE state <> 'sent';
