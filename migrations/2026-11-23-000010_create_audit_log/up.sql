-- What this system changed: who, what, when, with what outcome. Rows are only ever inserted.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Orders the rows for sealing: a row is sealed once every older transaction has ended, so that
    -- a late committer is never left out of the chain.
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    occurred_at timestamptz NOT NULL,
    -- A topic, a command, or an actor of the worker.
    origin text NOT NULL,
    worker_id text,
    task_id text,
    process_instance_id text,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    outcome text NOT NULL,
    -- JSON kept as text: it is hashed as it is stored, and jsonb would reorder its keys.
    detail text NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_log_subject_idx ON audit_log (subject_kind, subject_id);
CREATE INDEX audit_log_process_instance_id_idx ON audit_log (process_instance_id);

-- The hash chain over audit_log stands beside it, so that both tables need INSERT and SELECT only:
-- a right to update seal columns would be a right to forge them.
CREATE TABLE audit_seals (
    seal_seq bigint PRIMARY KEY CHECK (seal_seq > 0),
    audit_id bigint NOT NULL UNIQUE REFERENCES audit_log (id),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL DEFAULT now()
);
