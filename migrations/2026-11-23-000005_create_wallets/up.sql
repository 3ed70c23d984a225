-- The two unique constraints are the second net under the completion row: whatever is delivered
-- twice, restarted or restored, a request makes one wallet and a customer holds one per merchant.
CREATE TABLE wallets (
    wallet_id text PRIMARY KEY CHECK (wallet_id ~ '^W[0-9A-HJKMNP-TV-Z]{10}$'),
    request_id uuid NOT NULL UNIQUE REFERENCES wallet_creation_requests (request_id),
    customer_id uuid NOT NULL REFERENCES customers (customer_id),
    merchant_id uuid NOT NULL REFERENCES merchants (merchant_id),
    wallet_type text NOT NULL CHECK (wallet_type IN ('basic')),
    status text NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
    currency text NOT NULL CHECK (currency IN ('BWP')),
    balance numeric(15, 2) NOT NULL CHECK (balance >= 0),
    daily_limit numeric(15, 2) NOT NULL CHECK (daily_limit >= 0),
    monthly_limit numeric(15, 2) NOT NULL CHECK (monthly_limit >= daily_limit),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (customer_id, merchant_id)
);

CREATE INDEX wallets_merchant_id_idx ON wallets (merchant_id);
