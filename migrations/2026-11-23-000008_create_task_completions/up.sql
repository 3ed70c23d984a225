-- The inbox: one row a task that was answered, written in the transaction of its effect. The key
-- makes a second delivery wait for the first and then read its answer.
CREATE TABLE task_completions (
    engine_id text NOT NULL,
    task_id text NOT NULL,
    topic text NOT NULL,
    process_definition_key text NOT NULL,
    process_instance_id text NOT NULL,
    activity_instance_id text NOT NULL,
    business_key text,
    input_sha256 bytea NOT NULL CHECK (octet_length(input_sha256) = 32),
    -- Null only inside the transaction that writes the row.
    answer jsonb,
    completed_at timestamptz NOT NULL DEFAULT now(),
    -- When the engine took the answer. A hint for operators and housekeeping, never for decisions.
    reported_at timestamptz,
    PRIMARY KEY (engine_id, task_id)
);

CREATE INDEX task_completions_process_instance_id_idx ON task_completions (process_instance_id);
