//! Task tokens: who waits for which, and what becomes of the task when somebody sends it back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use states_language::{Arrival, TaskId};

use super::executions::json_complaint;
use super::{StepFunctions, required};
use crate::failure::ServiceError;

/// So many tokens of executions that have ended are remembered: AWS tells one that has timed out from one that never was.
const REMEMBERED: usize = 10_000;

/// The tasks that were given a token.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Given>);

#[derive(Default)]
struct Given {
    /// By token: the execution's ARN and the task.
    tasks: BTreeMap<String, (String, TaskId)>,
    /// By execution that runs: its tokens.
    of_runs: BTreeMap<String, Vec<String>>,
    /// Those of executions that have ended, the oldest first.
    expired: VecDeque<String>,
}

impl Tokens {
    pub(super) fn remember(&self, token: String, execution: &str, task: TaskId) {
        let mut given = self.0.lock();
        let of_run = given.of_runs.entry(execution.to_owned()).or_default();
        of_run.push(token.clone());
        given.tasks.insert(token, (execution.to_owned(), task));
    }

    fn find(&self, token: &str) -> Option<(String, TaskId)> {
        self.0.lock().tasks.get(token).cloned()
    }

    /// The execution has ended; its tokens are forgotten in the course of time.
    pub(super) fn expire(&self, execution: &str) {
        let mut given = self.0.lock();
        let tokens = given.of_runs.remove(execution).unwrap_or_default();
        given.expired.extend(tokens);
        while given.expired.len() > REMEMBERED {
            if let Some(oldest) = given.expired.pop_front() {
                given.tasks.remove(&oldest);
            }
        }
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
