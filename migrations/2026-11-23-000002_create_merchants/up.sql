-- Written by the banking application, by `import`, and by `process-merchant-approval`.
CREATE TABLE merchants (
    merchant_id uuid PRIMARY KEY,
    business_name text NOT NULL,
    registration_number text NOT NULL,
    contact_email text NOT NULL,
    phone_number text,
    admin_name text,
    admin_email text,
    is_approved boolean NOT NULL DEFAULT false,
    approval_date timestamptz,
    user_id uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX merchants_user_id_idx ON merchants (user_id);
