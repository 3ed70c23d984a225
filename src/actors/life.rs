//! The life of one task in this process: work under the lease, then the report.
//!
//! A spawned future that owns the slot. Whatever actor dies meanwhile, it goes on to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use diesel_async::AsyncPgConnection;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::audit::{AuditActor, Happened};
use super::backoff::Backoff;
use super::delivery::{Delivery, Held};
use super::messages::{AuditAppended, OutboxGrew, TaskFinished};
use super::metrics::MetricsActor;
use super::models::Catch;
use super::notification::NotificationActor;
use super::parts::Parts;
use super::report::{Report, Reported, Reporter};
use crate::camunda::lease::LeaseLost;
use crate::camunda::model::{BpmnError, Failure};
use crate::camunda::variables::DecodeError;
use crate::camunda::{EngineError, TaskId};
use crate::metrics::{AuditOutcome, Finished, Outcome, Run};
use crate::readiness::TaskFailure;
use crate::store::settings::ANSWER_TIMEOUT;
use crate::store::{NoAnswer, task_deliveries};
use crate::tasks::poison::{self, Suspicion};
use crate::tasks::retry::{NextAttempt, RETRIES_PROPERTY};
use crate::tasks::{Answer, Answered, Execution, RetryPolicy, Verdict};

/// Works on a task, reports, and tells who wants to know.
pub(super) async fn live(delivery: Delivery) {
    let (parts, held) = delivery.start();
    let span = held.span();
    Life { parts, held }.run().instrument(span).await;
}

struct Life {
    parts: Arc<Parts>,
    held: Held,
}

/// How the work went, before the report.
struct Worked {
    ending: Ending,
    waited: Duration,
    ran: Duration,
    /// The share of the lock that is left for the report.
    lock_left: f64,
}

enum Ending {
    /// The work came to its end.
    Verdict(Verdict),
    /// The handler panicked.
    Panicked,
    /// Not run: its last runs each ended their worker.
    Condemned,
    /// The lock was lost meanwhile.
    Lost(LeaseLost),
}

impl Ending {
    /// The code of the BPMN error that the handler chose.
    fn error_code(&self) -> Option<&str> {
        match self {
            Self::Verdict(Verdict::Answered(answered)) => match &answered.answer {
                Answer::BpmnError { code, .. } => Some(code),
                Answer::Complete { .. } => None,
            },
            _ => None,
        }
    }
}

impl Life {
    async fn run(mut self) {
        let worked = self.work().await;
        let outcome = match &worked.ending {
            Ending::Verdict(Verdict::Answered(answered)) => self.answer(answered).await,
            Ending::Verdict(Verdict::Retry(source)) => self.fail(source, self.next_attempt()).await,
            Ending::Verdict(Verdict::Incident(source)) => self.fail(source, NO_MORE).await,
            Ending::Verdict(Verdict::InOtherHands) => {
                tracing::info!("task {} is being worked on elsewhere", self.held.task.id);
                Outcome::Dropped
            }
            Ending::Verdict(Verdict::DatabaseAway(error)) => {
                tracing::warn!(error = %error, "the database went away under task {}", self.held.task.id);
                self.held.topic.pause_for_database(&self.parts);
                return self.held.give_back(&self.parts).await;
            }
            Ending::Panicked => {
                let panicked = anyhow::anyhow!("the handler panicked");
                self.fail(&panicked, self.next_attempt()).await
            }
            Ending::Condemned => self.quarantine().await,
            Ending::Lost(lost) => {
                tracing::warn!(error = %lost, "lost the lock of task {}", self.held.task.id);
                Outcome::LockLost
            }
        };
        self.end(outcome, &worked);
    }

    /// Lets the handler work, for as long as the lock is ours and the handler's limit allows.
    async fn work(&mut self) -> Worked {
        let Held {
            task,
            topic,
            lease,
            suspicion,
            fetched_at,
            ..
        } = &mut self.held;
        let execution = Execution {
            pool: &self.parts.pool,
            engine_id: &self.parts.engine_id,
            worker_id: &topic.worker_id,
            registration: &topic.registration,
            task,
            limit: topic.settings.handler_limit,
        };
        let mut started = Instant::now();
        let guarded = async {
            let _stay = self.parts.ward.admit(*suspicion).await;
            started = Instant::now();
            if *suspicion == Suspicion::Suspect {
                match is_condemned(&self.parts, &task.id).await {
                    Ok(false) => {}
                    Ok(true) => return Ending::Condemned,
                    Err(away) => return Ending::Verdict(Verdict::DatabaseAway(away.into())),
                }
            }
            let executed = AssertUnwindSafe(execution.execute()).catch_unwind().await;
            executed.map_or(Ending::Panicked, Ending::Verdict)
        };
        let ending = lease.hold(guarded).await.unwrap_or_else(Ending::Lost);
        Worked {
            ending,
            waited: started.duration_since(*fetched_at),
            ran: started.elapsed(),
            lock_left: lease.handle().share_left(),
        }
    }

    async fn answer(&mut self, answered: &Answered) -> Outcome {
        if answered.repeated {
            tracing::info!(
                "task {} was answered before; giving the recorded answer",
                self.held.task.id
            );
        }
        if answered.input_changed {
            tracing::warn!(
                "the variables of task {} have changed since it was answered; the recorded answer stands",
                self.held.task.id
            );
        }
        let metrics = &self.parts.metrics;
        metrics.audit_rows(AuditOutcome::Written, answered.audited);
        if !answered.repeated {
            self.parts.directory.tell::<AuditActor, _>(AuditAppended);
        }
        if answered.outbox_grew {
            self.parts.outbox_grew.notify_one();
            let directory = &self.parts.directory;
            directory.tell::<NotificationActor, _>(OutboxGrew);
        }
        match &answered.answer {
            Answer::Complete { variables } => {
                let reported = self.reporter().report(Report::Complete(variables)).await;
                self.settle(reported, Outcome::Completed).await
            }
            Answer::BpmnError { code, message } => self.throw(code, message).await,
        }
    }

    async fn throw(&mut self, code: &str, message: &str) -> Outcome {
        match self.find_catch(code).await {
            Catch::Found => {
                let error = BpmnError {
                    code: code.to_owned(),
                    message: message.to_owned(),
                };
                let reported = self.reporter().report(Report::BpmnError(&error)).await;
                self.settle(reported, Outcome::BpmnError).await
            }
            Catch::Missing => {
                let uncaught = anyhow::anyhow!(
                    "the BPMN error {code} is caught nowhere around activity {} of {}: \
                     thrown, it would end the process instance without a trace",
                    self.held.task.activity_id,
                    self.held.task.process_definition_id
                );
                self.fail(&uncaught, NO_MORE).await
            }
        }
    }

    /// Asks for the model until the engine has said something about it.
    async fn find_catch(&mut self, code: &str) -> Catch {
        let mut backoff = Backoff::default();
        let Held { task, lease, .. } = &mut self.held;
        loop {
            let engine = &self.parts.engine;
            match self.parts.models.catch(engine, task, code).await {
                Ok(catch) => return catch,
                // No such version, or none that we may see.
                Err(EngineError::Refused(answer)) if answer.status == 404 => return Catch::Missing,
                Err(error) => {
                    tracing::debug!(error = %error, "could not read the model yet");
                    let wait = backoff.next();
                    if lease.hold(tokio::time::sleep(wait)).await.is_err() {
                        tokio::time::sleep(wait).await;
                    }
                }
            }
        }
    }

    async fn settle(&mut self, reported: Reported, taken: Outcome) -> Outcome {
        match reported {
            Reported::Taken => taken,
            Reported::NotOurs => {
                tracing::warn!(
                    "task {} is not ours any more; its answer stays recorded",
                    self.held.task.id
                );
                Outcome::LockLost
            }
            Reported::Refused(words) => {
                let stuck = anyhow::anyhow!(words).context("the engine cannot take the next step");
                self.fail(&stuck, NO_MORE).await
            }
        }
    }

    async fn quarantine(&mut self) -> Outcome {
        let poison = anyhow::anyhow!(
            "not run: the last deliveries of this task each ended its worker without a word. \
             See the workers' logs"
        );
        match self.fail(&poison, NO_MORE).await {
            Outcome::FailedIncident => Outcome::Quarantined,
            other => other,
        }
    }

    async fn fail(&mut self, source: &anyhow::Error, next: NextAttempt) -> Outcome {
        // Without the causes: the engine's own words may repeat values of its expressions.
        let instance = &self.held.task.process_instance_id;
        let page = self.parts.cockpit.instance(instance);
        tracing::error!(
            error = %source,
            retries = next.retries,
            cockpit_url = page,
            "task {} failed",
            self.held.task.id
        );
        self.parts.readiness.task_failed(TaskFailure {
            at: SystemTime::now(),
            topic: self.held.topic.name(),
            task_id: self.held.task.id.to_string(),
            process_instance_id: instance.clone(),
            retries: next.retries,
            error: source.to_string(),
        });
        let message = format!("{source:#}");
        let failure = Failure {
            details: format!("{}\nworker {}", message, self.held.topic.worker_id),
            message,
            advice: (next.retries == 0).then(|| advice(source)),
            retries: next.retries,
            retry_timeout: next.wait,
        };
        match self.reporter().report(Report::Failure(&failure)).await {
            Reported::Taken if next.retries == 0 => Outcome::FailedIncident,
            Reported::Taken => {
                let due = Instant::now() + next.wait;
                self.held
                    .topic
                    .state()
                    .kept_back
                    .insert(self.held.task.id.clone(), due);
                Outcome::FailedRetry
            }
            Reported::NotOurs | Reported::Refused(_) => Outcome::LockLost,
        }
    }

    /// What the model says about retries, else what the settings say.
    fn next_attempt(&self) -> NextAttempt {
        let settings = &self.held.topic.settings.retries;
        let properties = &self.held.task.extension_properties;
        let modelled = properties.get(RETRIES_PROPERTY).and_then(Option::as_deref);
        let policy = modelled.and_then(|text| match text.parse::<RetryPolicy>() {
            Ok(policy) => Some(policy),
            Err(fault) => {
                tracing::warn!(error = %fault, "the model's retries cannot be read; the settings' stand in");
                None
            }
        });
        policy
            .as_ref()
            .unwrap_or(settings)
            .after_failure(self.held.task.retries)
    }

    fn reporter(&mut self) -> Reporter<'_> {
        Reporter {
            parts: &self.parts,
            topic: &self.held.topic,
            task_id: &self.held.task.id,
            lease: &mut self.held.lease,
        }
    }

    fn end(self, outcome: Outcome, worked: &Worked) {
        let id = &self.held.task.id;
        tracing::info!(
            outcome = outcome.as_str(),
            error_code = worked
                .ending
                .error_code()
                .filter(|_| outcome == Outcome::BpmnError),
            duration_ms = worked.ran.as_millis() as u64,
            "task {id} ended: {}",
            outcome.as_str()
        );
        if outcome == Outcome::LockLost {
            let lost = Happened::now("lock_lost", "external_task", id.as_str(), "lost");
            self.parts.note(lost);
        }
        let reported = matches!(outcome, Outcome::Completed | Outcome::BpmnError);
        self.held.topic.state().settle(id, reported);
        let finished = self.finished(outcome, worked);
        let directory = &self.parts.directory;
        directory.tell::<MetricsActor, _>(TaskFinished(finished));
    }

    fn finished(&self, outcome: Outcome, worked: &Worked) -> Finished {
        let ending = &worked.ending;
        let declared = self.held.topic.registration.errors;
        let thrown = ending
            .error_code()
            .filter(|_| outcome == Outcome::BpmnError);
        Finished {
            topic: self.held.topic.name(),
            outcome,
            run: Some(Run {
                attempt: self.held.attempt(),
                scheduled: self.held.scheduled(),
                waited: worked.waited,
                ran: (!matches!(ending, Ending::Condemned)).then_some(worked.ran),
                bpmn_error: declared.iter().copied().find(|code| Some(*code) == thrown),
                repeated: matches!(ending, Ending::Verdict(Verdict::Answered(known)) if known.repeated),
                panicked: matches!(ending, Ending::Panicked),
            }),
            lock_left: Some(worked.lock_left),
            extensions: self.held.extensions(),
        }
    }
}

/// What an operator does about an incident.
fn advice(source: &anyhow::Error) -> &'static str {
    match source.is::<DecodeError>() {
        true => "correct this in Cockpit, then set the retries",
        false => "mend the cause, then set the retries in Cockpit",
    }
}

/// Counts one run of a suspect, under whose permit nothing else runs.
async fn is_condemned(parts: &Parts, task_id: &TaskId) -> Result<bool, NoAnswer> {
    let count = async |conn: &mut AsyncPgConnection| {
        task_deliveries::count_alone(conn, &parts.engine_id, task_id.as_str()).await
    };
    let alone = parts.chore_pool.ask(ANSWER_TIMEOUT, count).await?;
    Ok(poison::is_poisonous(alone))
}

const NO_MORE: NextAttempt = NextAttempt {
    retries: 0,
    wait: Duration::ZERO,
};
