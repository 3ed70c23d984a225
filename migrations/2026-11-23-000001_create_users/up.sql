-- Written by the banking application, which shares this database, by `import`, and by our topics.
-- Only id, email and role must come with an insert. What a rule may refuse later (a phone number,
-- a national id) has no CHECK on its format: such a row must be storable to be refused.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text,
    email text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'merchant', 'customer')),
    kyc_status text NOT NULL DEFAULT 'not_started'
        CHECK (kyc_status IN ('not_started', 'in_progress', 'approved', 'rejected')),
    national_id text,
    date_of_birth date,
    phone_number text,
    is_active boolean NOT NULL DEFAULT true,
    failed_login_attempts integer NOT NULL DEFAULT 0 CHECK (failed_login_attempts >= 0),
    account_locked_until timestamptz,
    flagged_for_review_at timestamptz,
    verified_email text,
    email_verified_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX users_username_key ON users (username);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_national_id_key ON users (national_id);
