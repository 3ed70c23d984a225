//! The engine's client against the real engine: every call, and the rows of its report matrix.

mod answers;
mod catches;
mod lost_tasks;
mod queries;
mod stage;

use std::time::Duration;

use phantom_worker::camunda::model::{BpmnError, Failure};
use phantom_worker::camunda::variables::{Value, Variables};

fn variables(values: impl IntoIterator<Item = (&'static str, Value)>) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in values {
        variables
            .insert(name, value)
            .expect("a value that can be sent");
    }
    variables
}

fn ok(value: bool) -> Variables {
    variables([("ok", Value::Boolean(value))])
}

fn failure(retries: u32) -> Failure {
    let retry_timeout = Duration::ZERO;
    Failure {
        message: "no\nluck".into(),
        advice: None,
        details: "line 1\nline 2".into(),
        retries,
        retry_timeout,
    }
}

fn taken() -> BpmnError {
    BpmnError {
        code: "TAKEN".into(),
        message: "somebody was here".into(),
    }
}
