//! phantom-worker: supervised workers for Camunda 7 external tasks.
