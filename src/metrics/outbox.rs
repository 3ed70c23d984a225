//! What this process delivers: mails, messages to process instances, audit rows.

use std::time::Duration;

use prometheus::{Histogram, IntCounterVec};

use super::labels::{AuditOutcome, Channel, DeliveryOutcome, MailOutcome, MessageOutcome};
use super::maker::Maker;
use super::{Metrics, catalogue};

pub(super) struct Outbox {
    audit_events: IntCounterVec,
    deliveries: IntCounterVec,
    mails: IntCounterVec,
    mail_duration: Histogram,
    engine_messages: IntCounterVec,
}

impl Outbox {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        Self {
            audit_events: make.counters(&catalogue::AUDIT_EVENTS),
            deliveries: make.counters(&catalogue::OUTBOX_DELIVERIES),
            mails: make.counters(&catalogue::MAILS),
            mail_duration: make.histogram(&catalogue::MAIL_SEND_DURATION),
            engine_messages: make.counters(&catalogue::ENGINE_MESSAGES),
        }
    }
}

impl Metrics {
    /// So many audit rows were committed, or were not taken.
    pub fn audit_rows(&self, outcome: AuditOutcome, rows: usize) {
        self.outbox
            .audit_events
            .with_label_values(&[outcome.as_str()])
            .inc_by(rows as u64);
    }

    /// An attempt to deliver a message of the outbox ended.
    pub fn message_tried(&self, channel: Channel, outcome: DeliveryOutcome) {
        self.outbox
            .deliveries
            .with_label_values(&[channel.as_str(), outcome.as_str()])
            .inc();
    }

    /// The mail server took a mail, or did not.
    pub fn mail_finished(&self, template: &'static str, outcome: MailOutcome, took: Duration) {
        self.outbox
            .mails
            .with_label_values(&[template, outcome.as_str()])
            .inc();
        self.outbox.mail_duration.observe(took.as_secs_f64());
    }

    /// An attempt to tell a process instance a message ended.
    pub fn engine_message_finished(&self, template: &'static str, outcome: MessageOutcome) {
        self.outbox
            .engine_messages
            .with_label_values(&[template, outcome.as_str()])
            .inc();
    }
}
