-- Figures that one replica reads for all: what is asked of the engine must not grow with the
-- replicas, and all of them are to show the same.
CREATE TABLE shared_figures (
    collector text NOT NULL,
    -- Of what, where there may be several: an engine and the tenants.
    scope text NOT NULL,
    -- Who finds this passed moves it on and reads.
    due_at timestamptz NOT NULL,
    taken_at timestamptz,
    took_seconds double precision CHECK (took_seconds >= 0),
    figures jsonb,
    PRIMARY KEY (collector, scope),
    CHECK (num_nulls(taken_at, took_seconds, figures) IN (0, 3))
);
