//! The label values that are not topics or templates: closed sets, so that no other can be written.

/// A label with a closed set of values.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value as the page spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value,)+ }
            }
        }
    };
}

label! {
    /// How a task left this process.
    Outcome {
        /// Completed, with its variables.
        Completed = "completed",
        /// Ended with a BPMN error that the model catches.
        BpmnError = "bpmn_error",
        /// Failed with retries left.
        FailedRetry = "failed_retry",
        /// Failed with none left: the engine opened an incident.
        FailedIncident = "failed_incident",
        /// The lock was lost before the report; another delivery gives the recorded answer.
        LockLost = "lock_lost",
        /// Given back without having run.
        Unlocked = "unlocked",
        /// Left to another execution of the same task that is at work.
        Dropped = "dropped",
        /// Not run, because it ended too many processes without a word.
        Quarantined = "quarantined",
    }
}

label! {
    /// How a fetchAndLock ended.
    FetchOutcome {
        /// It brought at least one task.
        Tasks = "tasks",
        /// It brought none.
        Empty = "empty",
        /// The engine could not be reached, broke off or failed.
        Error = "error",
        /// The engine refused the request.
        Rejected = "rejected",
    }
}

label! {
    /// The kinds of actors below the supervisor.
    ActorKind {
        /// Keeps the gauges that need a query.
        Metrics = "metrics",
        /// Writes down what happened without a task.
        Audit = "audit",
        /// Drains the outbox.
        Notification = "notification",
        /// Fetches the tasks of one topic.
        Poller = "poller",
        /// Hands the tasks of one topic to its handlers.
        Pool = "pool",
        /// Works on one task at a time.
        Handler = "handler",
    }
}

label! {
    /// Why a supervisor replaced an actor.
    RestartReason {
        /// It stopped by itself.
        Stopped = "stopped",
        /// It panicked.
        Panicked = "panicked",
        /// It was silent for too long.
        Unresponsive = "unresponsive",
    }
}

label! {
    /// Where an outbox message goes.
    Channel {
        /// To the mail server.
        Mail = "mail",
        /// To the engine, as a correlated message.
        EngineMessage = "engine_message",
    }
}

label! {
    /// Where an outbox message stands.
    OutboxState {
        /// Waiting for the first attempt.
        Pending = "pending",
        /// Waiting for another attempt.
        Retrying = "retrying",
        /// Given up.
        Dead = "dead",
    }
}

label! {
    /// What became of one attempt to send a mail.
    MailOutcome {
        /// The server took it.
        Sent = "sent",
        /// It may be tried again.
        Transient = "transient",
        /// The server refused it for good.
        Permanent = "permanent",
    }
}

label! {
    /// What became of one attempt to tell a process instance a message.
    MessageOutcome {
        /// The instance took it.
        Correlated = "correlated",
        /// The instance has ended: it needs no message any more.
        InstanceEnded = "instance_ended",
        /// The instance is there and does not wait for it: not yet at its gateway, or suspended.
        NotWaiting = "not_waiting",
        /// The engine was away, busy, or did not let us.
        EngineFailed = "engine_failed",
        /// It was given up.
        SetAside = "set_aside",
    }
}
