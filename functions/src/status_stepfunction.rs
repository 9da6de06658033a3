//! `status_stepfunction`: whether a child execution has ended, and how. Polled until it says SUCCESS or ERROR.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::shared::clients::Clients;
use crate::shared::config_source::polling;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::ExecutionArn;
use crate::shared::moment;
use crate::shared::run::Run;

const DESCRIBE_EXECUTION: &str = "states:DescribeExecution";
/// Right after its start an execution may not exist for every part of the service; it is asked for again after these pauses.
const UNKNOWN_PAUSES: [u64; 3] = [1, 2, 4];
/// A larger output would not fit into the state of the machine that asks.
const LARGEST_OUTPUT: usize = 180_000;

/// The execution to look at.
#[derive(Debug, Deserialize)]
pub struct Request {
    #[serde(rename = "executionArn")]
    child: ExecutionArn,
    /// Tells what the execution was started with, too.
    #[serde(default, rename = "WithInput")]
    with_input: bool,
    #[serde(flatten)]
    run: Run,
}

/// How it is, in the original flow's three words and in Step Functions' own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    #[serde(rename = "executionArn")]
    child: ExecutionArn,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// The output is too large to hand on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    output_omitted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<String>,
    poll_after_seconds: u32,
    /// Step Functions wants to be asked less often; nothing is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    throttled: bool,
    #[serde(flatten)]
    run: Run,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such execution, also after asking again.
    #[error("there is no execution {0}")]
    NotFound(ExecutionArn),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::NotFound(_) => ErrorType::ExecutionNotFound,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Looks at the execution.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let polling = polling(clients).await;
    let Request { child, with_input, run } = request;
    let mut response = Response {
        child,
        status: "RUNNING",
        execution_status: None,
        input: None,
        output: None,
        output_omitted: false,
        error: None,
        cause: None,
        started_at: None,
        stopped_at: None,
        poll_after_seconds: polling.longest_seconds,
        throttled: false,
        run,
    };
    let mut pauses = UNKNOWN_PAUSES.iter();
    let answer = loop {
        let call = clients.states().describe_execution().execution_arn(response.child.as_str()).send();
        match call.await.map_err(|error| CallError::new(DESCRIBE_EXECUTION, &response.child, error)) {
            Ok(answer) => break answer,
            Err(error) if error.code() == Some("ExecutionDoesNotExist") => match pauses.next() {
                Some(seconds) => clients.pause(Duration::from_secs(*seconds)).await,
                None => return Err(Error::NotFound(response.child)),
            },
            Err(error) if error.is_throttling() => {
                tracing::warn!("asking later: {error}");
                response.throttled = true;
                return Ok(response);
            }
            Err(error) => return Err(error.into()),
        }
    };
    response.poll_after_seconds = polling.after(clients.age(Some(&answer.start_date)), response.child.as_str());
    response.started_at = Some(moment::text(&answer.start_date));
    response.stopped_at = moment::optional(answer.stop_date.as_ref());
    let input = answer.input.filter(|input| with_input && input.len() <= LARGEST_OUTPUT);
    response.input = input.map(parsed);
    match answer.status.as_str() {
        "SUCCEEDED" => {
            response.status = "SUCCESS";
            response.output_omitted = answer.output.as_ref().is_some_and(|output| output.len() > LARGEST_OUTPUT);
            response.output = answer.output.filter(|_| !response.output_omitted).map(parsed);
        }
        status @ ("FAILED" | "TIMED_OUT" | "ABORTED") => {
            response.status = "ERROR";
            // A person who stops an execution need not say why; who asks is told something all the same.
            response.error = answer.error.or_else(|| Some(status.to_owned()));
            response.cause = answer.cause.or_else(|| Some(format!("the execution {} is {status}, and no cause was given", response.child)));
        }
        // RUNNING, PENDING_REDRIVE, and what this version does not know: the caller's deadline ends it.
        _ => {}
    }
    response.execution_status = Some(answer.status.as_str().to_owned());
    Ok(response)
}

/// The JSON that a text is, or else the text.
fn parsed(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{EXECUTION, NOW, Replay};
    use crate::{ErrorType, FunctionFailure, invoke};

    async fn status(replay: Replay) -> Result<Value, FunctionFailure> {
        let outcome = invoke("status_stepfunction", &replay.clients(&[]), json!({"executionArn": EXECUTION})).await;
        replay.finish();
        outcome
    }

    fn execution(status: &str, more: Value) -> Value {
        let mut answer = json!({
            "executionArn": EXECUTION, "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:master",
            "status": status, "startDate": NOW - 100,
        });
        for (field, value) in more.as_object().unwrap() {
            answer[field] = value.clone();
        }
        answer
    }

    fn unknown(replay: Replay) -> Replay {
        replay.refuses("DescribeExecution", 400, "ExecutionDoesNotExist", "Execution Does Not Exist")
    }

    #[tokio::test]
    async fn x21_an_execution_that_never_appears_is_an_error_by_name() {
        let failure = status(unknown(unknown(unknown(unknown(Replay::new()))))).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::ExecutionNotFound);
        assert!(failure.message.contains(EXECUTION), "{failure}");
    }

    #[tokio::test]
    async fn x21_one_that_appears_late_is_asked_for_again() {
        let replay = unknown(unknown(Replay::new())).any("DescribeExecution", execution("RUNNING", json!({})));
        assert_eq!(status(replay).await.unwrap()["Status"], "RUNNING");
    }

    #[tokio::test]
    async fn throttling_means_later_and_not_failure() {
        let answer = status(Replay::new().throttles("DescribeExecution")).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["Throttled"].as_bool()), (Some("RUNNING"), Some(true)));
    }

    #[tokio::test]
    async fn t11_failed_timed_out_and_aborted_are_errors_with_their_cause() {
        for word in ["FAILED", "TIMED_OUT", "ABORTED"] {
            let more = json!({"error": "StepFailed", "cause": "line 3", "stopDate": NOW});
            let answer = status(Replay::new().any("DescribeExecution", execution(word, more))).await.unwrap();
            assert_eq!(
                [&answer["Status"], &answer["ExecutionStatus"], &answer["Error"], &answer["Cause"], &answer["StoppedAt"]],
                ["ERROR", word, "StepFailed", "line 3", "2026-11-21T02:10:00Z"]
            );
        }
    }

    #[tokio::test]
    async fn unknown_states_go_on() {
        for word in ["RUNNING", "PENDING_REDRIVE", "A_NEW_STATE"] {
            let answer = status(Replay::new().any("DescribeExecution", execution(word, json!({})))).await.unwrap();
            assert_eq!((answer["Status"].as_str(), answer["ExecutionStatus"].as_str()), (Some("RUNNING"), Some(word)));
        }
    }

    #[tokio::test]
    async fn an_output_that_would_not_fit_is_left_out() {
        let more = json!({"output": format!("\"{}\"", "x".repeat(200_000))});
        let answer = status(Replay::new().any("DescribeExecution", execution("SUCCEEDED", more))).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["OutputOmitted"].as_bool()), (Some("SUCCESS"), Some(true)));
        assert!(answer.get("Output").is_none());
    }

    #[tokio::test]
    async fn the_originals_event_gets_success_and_the_parsed_output() {
        let asked = json!({"executionArn": EXECUTION});
        let replay = Replay::new().call("DescribeExecution", asked, execution("SUCCEEDED", json!({"output": "{\"Rows\": 7}"})));
        let answer = status(replay).await.unwrap();
        assert_eq!([&answer["executionArn"], &answer["Status"]], [EXECUTION, "SUCCESS"]);
        assert_eq!(answer["Output"], json!({"Rows": 7}));
    }
}
