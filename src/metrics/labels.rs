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
            /// Their spellings.
            pub(super) const VALUES: &'static [&'static str] = &[$($value,)+];

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

label! {
    /// Why a topic did not fetch.
    PauseReason {
        /// Every slot was taken.
        NoSlots = "no_slots",
        /// Our own database was away.
        Paused = "paused",
        /// It rested after a failure.
        Backoff = "backoff",
        /// The process drains.
        Draining = "draining",
    }
}

label! {
    /// What was asked of the engine. The fetch comes first: it has a histogram of its own.
    EngineOperation {
        /// fetchAndLock.
        Fetch = "fetch",
        /// A task's completion.
        Complete = "complete",
        /// A task's failure.
        Failure = "failure",
        /// A task's business error.
        BpmnError = "bpmn_error",
        /// A lock kept alive.
        ExtendLock = "extend_lock",
        /// A task given back.
        Unlock = "unlock",
        /// Tasks read or counted.
        QueryTasks = "query_tasks",
        /// Process definitions and their XML.
        QueryModels = "query_models",
        /// A message to an instance.
        Message = "message",
        /// Everything else.
        Other = "other",
    }
}

label! {
    /// What came of a call to the engine: an HTTP status, or why there was none.
    EngineCode {
        /// 200.
        Ok = "200",
        /// 204.
        NoContent = "204",
        /// 400.
        BadRequest = "400",
        /// 401.
        Unauthorized = "401",
        /// 403.
        Forbidden = "403",
        /// 404.
        NotFound = "404",
        /// 500.
        ServerError = "500",
        /// 502.
        BadGateway = "502",
        /// 503.
        Unavailable = "503",
        /// 504.
        GatewayTimeout = "504",
        /// Any other status.
        Other = "other",
        /// No answer in time.
        Timeout = "timeout",
        /// The connection was refused, or broke.
        Connect = "connect",
        /// The answer could not be read.
        Decode = "decode",
    }
}

impl EngineCode {
    /// The value for an HTTP status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            200 => Self::Ok,
            204 => Self::NoContent,
            400 => Self::BadRequest,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            500 => Self::ServerError,
            502 => Self::BadGateway,
            503 => Self::Unavailable,
            504 => Self::GatewayTimeout,
            _ => Self::Other,
        }
    }
}

label! {
    /// Which try of a task it is.
    Attempt {
        /// The engine has counted no failure of it.
        First = "first",
        /// It failed before.
        Retry = "retry",
    }
}

label! {
    /// What came of a heartbeat.
    ExtensionOutcome {
        /// The lock is ours for longer.
        Ok = "ok",
        /// The lock is not ours any more.
        Lost = "lost",
        /// It did not get through.
        Error = "error",
    }
}

label! {
    /// How far this process is in its life.
    ProcessState {
        /// Not yet fetching.
        Starting = "starting",
        /// At work.
        Running = "running",
        /// Finishing what was begun.
        Draining = "draining",
    }
}

label! {
    /// A thread that runs actors.
    Arbiter {
        /// The one that runs them all.
        Main = "main",
    }
}

label! {
    /// What became of audit rows.
    AuditOutcome {
        /// Committed.
        Written = "written",
        /// Not taken by the database; tried again.
        Failed = "failed",
    }
}

label! {
    /// What became of one attempt to deliver a message of the outbox.
    DeliveryOutcome {
        /// It is out, or nobody needs it any more.
        Delivered = "delivered",
        /// It is tried again.
        Retried = "retried",
        /// It was given up.
        Dead = "dead",
    }
}

label! {
    /// Where a task stands at the engine; each task is in one of them.
    TaskState {
        /// Waits for a worker.
        Available = "available",
        /// Held by a worker, or kept back until its next try.
        Locked = "locked",
        /// Without retries: an incident.
        Exhausted = "exhausted",
        /// Its instance stands still.
        Suspended = "suspended",
    }
}

label! {
    /// Who reads figures that are the same in every replica.
    Collector {
        /// The tasks at the engine.
        Engine = "engine",
        /// The outbox in our database.
        Outbox = "outbox",
        /// The hash chain of the audit log, which each replica looks at itself.
        Audit = "audit",
    }
}

label! {
    /// A pool of connections.
    PoolName {
        /// For tasks.
        Tasks = "tasks",
        /// For the actors' own chores.
        Chores = "chores",
        /// For the pages behind the links.
        Pages = "pages",
    }
}

label! {
    /// What a connection does.
    ConnectionState {
        /// Waits in the pool.
        Idle = "idle",
        /// Is lent.
        Used = "used",
    }
}

label! {
    /// A kind of SQL statement.
    Statement {
        /// SELECT.
        Select = "select",
        /// INSERT.
        Insert = "insert",
        /// UPDATE.
        Update = "update",
        /// DELETE.
        Delete = "delete",
        /// BEGIN, COMMIT, ROLLBACK and what belongs to them.
        Transaction = "transaction",
        /// Anything else.
        Other = "other",
    }
}

label! {
    /// What went wrong with the database.
    DatabaseError {
        /// No connection became free in time.
        PoolTimeout = "pool_timeout",
        /// The connection could not be opened, broke, or stayed silent.
        Connection = "connection",
        /// Another transaction was in the way.
        Serialization = "serialization",
        /// A constraint refused a row.
        Constraint = "constraint",
        /// Anything else.
        Other = "other",
    }
}

label! {
    /// How grave a log line is.
    LogLevel {
        /// ERROR.
        Error = "error",
        /// WARN.
        Warn = "warn",
        /// INFO.
        Info = "info",
        /// DEBUG.
        Debug = "debug",
        /// TRACE.
        Trace = "trace",
    }
}
