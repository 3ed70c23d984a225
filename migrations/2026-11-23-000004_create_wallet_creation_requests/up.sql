-- One row a decided request. A rejected request keeps the codes and no personal data; it has no
-- foreign key to the merchant, because an unknown merchant is one of the reasons to reject.
CREATE TABLE wallet_creation_requests (
    request_id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('approved', 'rejected', 'fulfilled')),
    first_name text,
    last_name text,
    email text,
    phone_number text,
    national_id text,
    date_of_birth date,
    -- What `validate-wallet-request` found wrong: [{"field": …, "code": …}].
    validation_errors jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(validation_errors) = 'array'),
    -- The BPMN error that `create-wallet` answered with: an operator's restart gets it again.
    bpmn_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (status = 'rejected' OR (bpmn_error IS NULL AND validation_errors = '[]')),
    CHECK (status <> 'rejected' OR bpmn_error IS NOT NULL OR validation_errors <> '[]'),
    -- An approved request still has to become a wallet, so it needs every field. A fulfilled one
    -- may have lost its personal data to housekeeping.
    CHECK (
        status <> 'approved'
        OR num_nulls(first_name, last_name, email, phone_number, national_id, date_of_birth) = 0
    )
);
