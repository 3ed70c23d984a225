-- The poison guard: how often a task was handed out and ended without a word. Apart from
-- task_completions, where a row of its own would read as "already answered".
CREATE TABLE task_deliveries (
    engine_id text NOT NULL,
    task_id text NOT NULL,
    topic text NOT NULL,
    -- Deliveries with a whole batch, counted up to the third: from there on it is a suspect.
    silent integer NOT NULL CHECK (silent BETWEEN 1 AND 3),
    -- Runs alone in its process since then: of these only the task itself can be guilty.
    alone integer NOT NULL DEFAULT 0 CHECK (alone >= 0),
    delivered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (engine_id, task_id)
);
