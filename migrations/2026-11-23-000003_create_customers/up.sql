-- A person who holds wallets. The national id is the identity: one person, one row.
CREATE TABLE customers (
    customer_id uuid PRIMARY KEY,
    user_id uuid NOT NULL UNIQUE REFERENCES users (id),
    national_id text NOT NULL UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL,
    date_of_birth date NOT NULL,
    phone_number text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
