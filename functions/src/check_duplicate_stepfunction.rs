//! `check_duplicate_stepfunction`: whether another execution of a state machine is running; the oldest wins. A courtesy that
//! ends most second runs early: Step Functions' lists lag behind, so the guarantee is the state-info lock.

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use serde::{Deserialize, Serialize};

use crate::shared::clients::{Clients, EnvironmentMissing};
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::{ExecutionArn, StateMachineArn};
use crate::shared::moment;

const LIST_STATE_MACHINES: &str = "states:ListStateMachines";
const LIST_EXECUTIONS: &str = "states:ListExecutions";
/// A run that was started a moment ago may not be in the list yet; it is read again after these pauses.
const OWN_PAUSES: [u64; 2] = [1, 2];

/// The machine, by name or ARN, and the asking execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "currentStepName")]
    current_step_name: Option<String>,
    state_machine_arn: Option<String>,
    execution_arn: Option<ExecutionArn>,
    /// The asking execution's own start, for when the list does not have it yet.
    execution_start_time: Option<String>,
}

/// Whether the asking execution has to give way.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    status: &'static str,
    /// The oldest running execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder_execution_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder_started_at: Option<String>,
    running_executions: usize,
    #[serde(rename = "currentStepName", skip_serializing_if = "Option::is_none")]
    current_step_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<ExecutionArn>,
}

/// Why the question has no answer. The guard then fails closed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the event nor the environment names a machine.
    #[error("neither the event nor the function's environment names a state machine (currentStepName or StateMachineArn): {0}")]
    Environment(#[from] EnvironmentMissing),
    /// There is no such machine.
    #[error("there is no state machine {0} in this account and region")]
    NotFound(String),
    /// Listing failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Environment(error) => error.error_type(),
            Self::NotFound(_) => ErrorType::StateMachineNotFound,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// A running execution; the oldest sorts first, whole seconds aside.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
struct Running {
    started: f64,
    arn: String,
}

/// Lists and decides.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let machine = machine(clients, &request).await?;
    let mut running = list(clients, &machine).await?;
    if let Some(own) = &request.execution_arn {
        for seconds in OWN_PAUSES {
            if running.iter().any(|other| other.arn == own.as_str()) {
                break;
            }
            clients.pause(Duration::from_secs(seconds)).await;
            running = list(clients, &machine).await?;
        }
        if !running.iter().any(|other| other.arn == own.as_str()) {
            // Unlisted and without a known start it counts as the youngest, and gives way.
            let started = request.execution_start_time.as_deref().and_then(moment::parse);
            running.push(Running {
                started: started.map_or(f64::INFINITY, |time| time.as_secs_f64()),
                arn: own.as_str().to_owned(),
            });
        }
    }
    running.sort_by(|one, other| one.started.total_cmp(&other.started).then_with(|| one.arn.cmp(&other.arn)));
    let oldest = running.first();
    let duplicate = match &request.execution_arn {
        Some(own) => oldest.is_some_and(|oldest| oldest.arn != own.as_str()),
        // The original flow does not say who asks: the asking execution is one of those that run.
        None => running.len() > 1,
    };
    Ok(Response {
        status: if duplicate { "RUNNING" } else { "NOTRUNNING" },
        holder_execution_arn: oldest.map(|oldest| oldest.arn.clone()),
        holder_started_at: (oldest.filter(|oldest| oldest.started.is_finite()))
            .map(|oldest| moment::text(&aws_smithy_types::DateTime::from_secs_f64(oldest.started))),
        running_executions: running.len(),
        current_step_name: request.current_step_name,
        execution_arn: request.execution_arn,
    })
}

/// The machine's ARN. Only a bare name has to be looked up.
async fn machine(clients: &Clients, request: &Request) -> Result<String, Error> {
    let environment = clients.environment();
    let given = [&request.state_machine_arn, &request.current_step_name];
    let given = given.into_iter().flatten().map(String::as_str).find(|name| !name.trim().is_empty());
    let named = match given.or_else(|| environment.get("StateMachineArn")) {
        Some(named) => named,
        None => environment.require("currentStepName")?,
    };
    if let Ok(arn) = StateMachineArn::parse(named) {
        return Ok(arn.unqualified());
    }
    let mut pages = clients.states().list_state_machines().into_paginator().items().send();
    while let Some(machine) = pages.next().await {
        let machine = machine.map_err(|error| CallError::new(LIST_STATE_MACHINES, named, error))?;
        if machine.name() == named {
            return Ok(machine.state_machine_arn);
        }
    }
    Err(Error::NotFound(named.to_owned()))
}

async fn list(clients: &Clients, machine: &str) -> Result<Vec<Running>, Error> {
    let request = clients.states().list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
    let mut pages = request.into_paginator().items().send();
    let mut running = Vec::new();
    while let Some(execution) = pages.next().await {
        match execution.map_err(|error| CallError::new(LIST_EXECUTIONS, machine, error)) {
            Ok(execution) => running.push(Running {
                started: execution.start_date.as_secs_f64(),
                arn: execution.execution_arn,
            }),
            Err(error) if error.code() == Some("StateMachineDoesNotExist") => return Err(Error::NotFound(machine.to_owned())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(running)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{EXECUTION, NOW, Replay};
    use crate::{ErrorType, FunctionFailure, invoke};

    const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:master";
    const OTHER: &str = "arn:aws:states:us-east-1:000000000000:execution:master:other";

    async fn check(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("check_duplicate_stepfunction", &replay.clients(&[]), event).await;
        replay.finish();
        outcome
    }

    fn running(executions: &[(&str, f64)]) -> Value {
        let item = |(arn, ago): &(&str, f64)| {
            json!({
                "executionArn": arn, "stateMachineArn": MACHINE, "name": "x", "status": "RUNNING", "startDate": NOW as f64 - ago,
            })
        };
        json!({"executions": executions.iter().map(item).collect::<Vec<_>>()})
    }

    fn event() -> Value {
        json!({"StateMachineArn": MACHINE, "ExecutionArn": EXECUTION})
    }

    #[tokio::test]
    async fn an_unknown_machine_is_named() {
        let replay = Replay::new().any("ListStateMachines", json!({"stateMachines": []}));
        let failure = check(replay, json!({"currentStepName": "mastre"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::StateMachineNotFound);
        assert!(failure.message.contains("mastre"));
        let failure = check(Replay::new(), json!({})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::EnvironmentMissing);
    }

    #[tokio::test]
    async fn s9_a_throttled_list_fails_closed() {
        assert_eq!(check(Replay::new().throttles("ListExecutions"), event()).await.unwrap_err().error_type, ErrorType::Throttled);
    }

    #[tokio::test]
    async fn the_younger_gives_way_and_is_told_to_whom() {
        let replay = Replay::new().any("ListExecutions", running(&[(EXECUTION, 1.0), (OTHER, 60.0)]));
        assert_eq!(
            check(replay, event()).await.unwrap(),
            json!({
                "Status": "RUNNING", "HolderExecutionArn": OTHER, "HolderStartedAt": "2026-11-21T02:09:00Z", "RunningExecutions": 2,
                "ExecutionArn": EXECUTION,
            })
        );
    }

    #[tokio::test]
    async fn s2_of_two_that_started_together_exactly_one_goes_on() {
        let mut words = Vec::new();
        for asking in [EXECUTION, OTHER] {
            let replay = Replay::new().any("ListExecutions", running(&[(OTHER, 5.0), (EXECUTION, 5.0)]));
            let answer = check(replay, json!({"StateMachineArn": MACHINE, "ExecutionArn": asking})).await.unwrap();
            words.push(answer["Status"].as_str().unwrap().to_owned());
        }
        assert_eq!(words, ["NOTRUNNING", "RUNNING"]);
    }

    #[tokio::test]
    async fn fractions_of_a_second_count() {
        let replay = Replay::new().any("ListExecutions", running(&[(OTHER, 5.25), (EXECUTION, 5.75)]));
        assert_eq!(check(replay, event()).await.unwrap()["Status"], "NOTRUNNING");
    }

    #[tokio::test]
    async fn one_that_is_not_listed_yet_is_looked_for_again_and_then_gives_way() {
        let late = || running(&[(OTHER, 5.0)]);
        let replay = Replay::new().any("ListExecutions", late()).any("ListExecutions", late()).any("ListExecutions", late());
        assert_eq!(check(replay, event()).await.unwrap()["HolderExecutionArn"], OTHER);
        let replay = Replay::new().any("ListExecutions", late()).any("ListExecutions", late()).any("ListExecutions", late());
        let mut event = event();
        event["ExecutionStartTime"] = json!("2026-11-21T02:00:00.500Z");
        assert_eq!(check(replay, event).await.unwrap()["Status"], "NOTRUNNING");
    }

    #[tokio::test]
    async fn s8_the_originals_event_by_name_counts_over_all_pages() {
        let machines = |name: &str| json!({"name": name, "stateMachineArn": MACHINE, "type": "STANDARD", "creationDate": NOW});
        let mut first = running(&[(EXECUTION, 1.0)]);
        first["nextToken"] = json!("2");
        let asked = json!({"stateMachineArn": MACHINE, "statusFilter": "RUNNING"});
        let replay = Replay::new()
            .any("ListStateMachines", json!({"stateMachines": [machines("else")], "nextToken": "2"}))
            .any("ListStateMachines", json!({"stateMachines": [machines("master")]}))
            .call("ListExecutions", asked, first)
            .any("ListExecutions", running(&[(OTHER, 2.0)]));
        let answer = check(replay, json!({"currentStepName": "master"})).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["currentStepName"].as_str()), (Some("RUNNING"), Some("master")));
        let replay = Replay::new().any("ListExecutions", running(&[(EXECUTION, 1.0)]));
        assert_eq!(check(replay, json!({"currentStepName": MACHINE})).await.unwrap()["Status"], "NOTRUNNING");
    }
}
