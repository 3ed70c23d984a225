//! Figures that fall back to 0 when there is nothing any more.

use super::{TOPIC, assert_line, metrics};
use crate::metrics::*;

#[test]
fn a_drained_outbox_falls_back_to_zero() {
    let metrics = metrics();
    let depth = OutboxDepth {
        pending: 4,
        retrying: 2,
        dead: 1,
        oldest_pending: Some(1.5e9),
    };

    metrics.set_outbox(Channel::Mail, depth);
    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"mail\",state=\"retrying\"} 2",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_oldest_pending_timestamp_seconds{channel=\"mail\"} 1500000000",
    );
    metrics.set_outbox(Channel::Mail, OutboxDepth::default());

    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"mail\",state=\"pending\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_messages{channel=\"mail\",state=\"retrying\"} 0",
    );
    assert_line(
        &metrics,
        "phantom_worker_outbox_oldest_pending_timestamp_seconds{channel=\"mail\"} 0",
    );
}

#[test]
fn a_drained_topic_falls_back_to_zero() {
    let metrics = metrics();

    metrics.set_engine_tasks(
        TOPIC,
        TopicDepth {
            available: 7,
            exhausted: 1,
            oldest_available: Some(1.5e9),
            ..TopicDepth::default()
        },
    );
    assert_line(
        &metrics,
        "phantom_worker_engine_tasks{state=\"available\",topic=\"create-wallet\"} 7",
    );
    metrics.set_engine_tasks(TOPIC, TopicDepth::default());

    for line in [
        "phantom_worker_engine_tasks{state=\"available\",topic=\"create-wallet\"} 0",
        "phantom_worker_engine_tasks{state=\"exhausted\",topic=\"create-wallet\"} 0",
        "phantom_worker_engine_oldest_available_task_timestamp_seconds{topic=\"create-wallet\"} 0",
    ] {
        assert_line(&metrics, line);
    }
}
