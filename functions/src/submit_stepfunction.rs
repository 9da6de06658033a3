//! `submit_stepfunction`: starts a child state machine with this function's whole event as its input. A named start is
//! idempotent: the execution of that name, if there is one, is adopted.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::shared::clients::{Clients, EnvironmentMissing, once, retries};
use crate::shared::config_source::polling;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::StateMachineArn;
use crate::shared::input::{self, InvalidInput};
use crate::shared::moment;
use crate::shared::names;
use crate::shared::run::Run;

const START_EXECUTION: &str = "states:StartExecution";
/// Step Functions' limit on an input, in bytes.
const LARGEST_INPUT: usize = 262_144;

/// The event, kept as it is. Its `nextStateMachineArn`, or else the environment's `stateMachineArn`, says what to start;
/// `ExecutionName`, or else `ParentExecutionName` and `StateName`, under which name.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Request {
    event: Map<String, Value>,
}

/// The child.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    #[serde(rename = "executionArn")]
    execution_arn: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// Whether an execution of that name existed already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    adopted: bool,
    poll_after_seconds: u32,
    #[serde(flatten)]
    run: Run,
}

/// Why there is no child.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is wrong.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// Nobody says what to start.
    #[error("the event has no nextStateMachineArn, and {0}")]
    Environment(#[from] EnvironmentMissing),
    /// There is no such machine.
    #[error("there is no state machine {0}, or it is being deleted")]
    NotFound(StateMachineArn),
    /// A child without a name may have been started.
    #[error("a child of {machine} may have been started: {source}; give it a name, so that starting it again adopts it")]
    OutcomeUnknown {
        /// The machine.
        machine: StateMachineArn,
        /// What happened to the call.
        source: CallError,
    },
    /// The call was refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Input(error) => error.error_type(),
            Self::Environment(error) => error.error_type(),
            Self::NotFound(_) => ErrorType::StateMachineNotFound,
            Self::OutcomeUnknown { .. } => ErrorType::OutcomeUnknown,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Starts or adopts.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let event = request.event;
    let machine: StateMachineArn = match input::field(&event, "nextStateMachineArn")? {
        Some(machine) => machine,
        None => StateMachineArn::parse(clients.environment().require("stateMachineArn")?)
            .map_err(|problem| InvalidInput::new("environment variable stateMachineArn", problem))?,
    };
    let name = name(&event, &machine)?;
    let run = Run {
        batch_id: input::field(&event, "BatchId")?,
        execution_arn: input::field(&event, "ExecutionArn")?,
    };
    let input = Value::Object(event).to_string();
    if input.len() > LARGEST_INPUT {
        let problem = format!("it has {} bytes; Step Functions takes {LARGEST_INPUT}", input.len());
        return Err(InvalidInput::new("size", problem).into());
    }
    let poll_after_seconds = polling(clients).await.after(0, machine.as_str());
    // Starting the same name again is harmless; starting without one makes another child each time.
    let retries = if name.is_some() { retries() } else { once() };
    let call = (clients.states().start_execution().state_machine_arn(machine.as_str()).set_name(name.clone()).input(input))
        .customize()
        .config_override(aws_sdk_sfn::config::Builder::new().retry_config(retries))
        .send();
    let (execution_arn, started_at, adopted) = match call.await.map_err(|error| CallError::new(START_EXECUTION, &machine, error)) {
        Ok(answer) => (answer.execution_arn, Some(moment::text(&answer.start_date)), false),
        Err(error) => match (error.code(), &name) {
            (Some("ExecutionAlreadyExists"), Some(name)) => (machine.execution(name), None, true),
            (Some("StateMachineDoesNotExist" | "StateMachineDeleting"), _) => return Err(Error::NotFound(machine)),
            (_, None) if error.outcome_is_unknown() => return Err(Error::OutcomeUnknown { machine, source: error }),
            _ => return Err(error.into()),
        },
    };
    Ok(Response {
        execution_arn,
        status: "SUBMITTED",
        started_at,
        adopted,
        poll_after_seconds,
        run,
    })
}

/// The child's name, if the event gives it an identity.
fn name(event: &Map<String, Value>, machine: &StateMachineArn) -> Result<Option<String>, InvalidInput> {
    if let Some(name) = input::text(event, "ExecutionName")? {
        return Ok(Some(names::execution_name(&name)));
    }
    let Some(parent) = input::text(event, "ParentExecutionName")? else {
        return Ok(None);
    };
    let state = input::text(event, "StateName")?;
    Ok(Some(names::execution_name(&format!("{parent}-{}", state.as_deref().unwrap_or(machine.name())))))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{NOW, Replay};
    use crate::{ErrorType, FunctionFailure, invoke};

    const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:facts";

    async fn submit(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("submit_stepfunction", &replay.clients(&[("stateMachineArn", MACHINE)]), event).await;
        replay.finish();
        outcome
    }

    fn started(name: &str) -> Value {
        json!({"executionArn": format!("arn:aws:states:us-east-1:000000000000:execution:facts:{name}"), "startDate": NOW})
    }

    fn named() -> Value {
        json!({"nextStateMachineArn": MACHINE, "ParentExecutionName": "night", "StateName": "Facts"})
    }

    #[tokio::test]
    async fn a_machine_that_does_not_exist_is_named() {
        let replay = Replay::new().refuses("StartExecution", 400, "StateMachineDoesNotExist", "State Machine Does Not Exist");
        let failure = submit(replay, json!({})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::StateMachineNotFound);
        assert!(failure.message.contains(MACHINE), "{failure}");
    }

    #[tokio::test]
    async fn an_event_that_is_too_large_is_refused_before_the_call() {
        let failure = submit(Replay::new(), json!({"Data": "x".repeat(270_000)})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::InvalidInput);
        assert!(failure.message.contains("262144"), "{failure}");
    }

    #[tokio::test]
    async fn a_named_child_whose_answer_was_lost_is_started_again_and_adopted() {
        let replay = Replay::new()
            .loses("StartExecution")
            .refuses("StartExecution", 400, "ExecutionAlreadyExists", "Execution Already Exists");
        let answer = submit(replay, named()).await.unwrap();
        assert_eq!(answer["executionArn"], "arn:aws:states:us-east-1:000000000000:execution:facts:night-Facts");
        assert_eq!((answer["Status"].as_str(), answer["Adopted"].as_bool()), (Some("SUBMITTED"), Some(true)));
    }

    #[tokio::test]
    async fn a_nameless_child_whose_answer_was_lost_is_not_started_again() {
        let failure = submit(Replay::new().loses("StartExecution"), json!({})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::OutcomeUnknown);
    }

    #[tokio::test]
    async fn too_many_executions_mean_later() {
        let mut replay = Replay::new();
        for _ in 0..3 {
            replay = replay.refuses("StartExecution", 400, "ThrottlingException", "Rate exceeded");
        }
        assert_eq!(submit(replay, named()).await.unwrap_err().error_type, ErrorType::Throttled);
        let replay = Replay::new().refuses("StartExecution", 400, "ExecutionLimitExceeded", "limit");
        assert_eq!(submit(replay, named()).await.unwrap_err().error_type, ErrorType::Throttled);
    }

    #[tokio::test]
    async fn names_are_made_legal_and_short() {
        let sent = json!({"ExecutionName": format!("2026-11-21T02:00:00Z {}", "x".repeat(90))});
        let replay = Replay::new().any("StartExecution", started("x"));
        submit(replay, sent).await.unwrap();
        let event = named();
        let expected = json!({"stateMachineArn": MACHINE, "name": "night-Facts", "input": event.to_string()});
        submit(Replay::new().call("StartExecution", expected, started("night-Facts")), event).await.unwrap();
    }

    #[tokio::test]
    async fn the_originals_event_is_the_childs_input_untouched() {
        let event = json!({"nextStateMachineArn": MACHINE, "Status": "SUCCESS", "z": {"b": 1, "a": [null, 1.5]}, "BatchId": "B1"});
        let expected = json!({"stateMachineArn": MACHINE, "input": event.to_string()});
        let replay = Replay::new().call("StartExecution", expected, started("generated"));
        assert_eq!(
            submit(replay, event).await.unwrap(),
            json!({
                "executionArn": "arn:aws:states:us-east-1:000000000000:execution:facts:generated", "Status": "SUBMITTED",
                "StartedAt": "2026-11-21T02:10:00Z", "PollAfterSeconds": 6, "BatchId": "B1",
            })
        );
    }
}
