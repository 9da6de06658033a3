//! Task tokens: who waits for which, and what becomes of the task when somebody sends it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use states_language::{Arrival, TaskId};

use super::executions::json_complaint;
use super::{StepFunctions, required};
use crate::failure::ServiceError;

/// The tasks that were given a token, by token: the execution's ARN and the task. They stay when nobody waits any more,
/// because AWS tells a token that has timed out from one that never was.
#[derive(Default)]
pub(super) struct Tokens {
    waiting: Mutex<BTreeMap<String, (String, TaskId)>>,
}

impl Tokens {
    pub(super) fn remember(&self, token: String, execution: &str, task: TaskId) {
        self.waiting
            .lock()
            .insert(token, (execution.to_owned(), task));
    }

    fn find(&self, token: &str) -> Option<(String, TaskId)> {
        self.waiting.lock().get(token).cloned()
    }
}

impl StepFunctions {
    pub(super) fn send_task_success(
        self: &Arc<Self>,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let output = required(input, "output")?;
        self.send(input, |task| match serde_json::from_str(output) {
            Ok(output) => Ok(Arrival::TaskSucceeded { task, output }),
            Err(_) => Err(ServiceError::new(
                "InvalidOutput",
                format!("Invalid Output: '{}'", json_complaint(output)),
            )),
        })
    }

    pub(super) fn send_task_failure(
        self: &Arc<Self>,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let text = |member: &str| input[member].as_str().map(str::to_owned);
        self.send(input, |task| {
            Ok(Arrival::TaskFailed {
                task,
                error: text("error"),
                cause: text("cause"),
            })
        })
    }

    pub(super) fn send_task_heartbeat(
        self: &Arc<Self>,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        self.send(input, |task| Ok(Arrival::TaskHeartbeat { task }))
    }

    fn send(
        self: &Arc<Self>,
        input: &Value,
        arrival: impl FnOnce(TaskId) -> Result<Arrival, ServiceError>,
    ) -> Result<Value, ServiceError> {
        let work = self.context.clock.work();
        let token = required(input, "taskToken")?;
        let Some((execution, task)) = self.tokens.find(token) else {
            return Err(ServiceError::new(
                "InvalidToken",
                "Invalid Token: 'Invalid token'",
            ));
        };
        // A token that is not known is refused before what comes with it is looked at.
        let arrival = arrival(task)?;
        let run = self.runs.lock().get(&execution).cloned();
        let taken = run.is_some_and(|run| self.drive(&run, Some(arrival), &work));
        if !taken {
            return Err(ServiceError::new(
                "TaskTimedOut",
                "Task Timed Out: 'Provided task does not exist anymore'",
            ));
        }
        Ok(json!({}))
    }
}
