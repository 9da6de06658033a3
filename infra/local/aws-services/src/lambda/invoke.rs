//! The Invoke action: waiting for the answer, or as an event with Lambda's two retries.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use virtual_time::Work;

use super::{Lambda, invalid_parameter, not_found};
use crate::deadline;
use crate::failure::ServiceError;
use crate::function_invoker::{Custody, Invocation, InvocationOutcome, InvokeError};
use crate::gateway::Reply;

/// A function and, if asked for, its version or alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionName {
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
}

impl FunctionName {
    /// Reads a name, a partial ARN (`123456789012:function:name`) or an ARN, each with or without a qualifier.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = match text.split_once("function:") {
            Some((_, rest)) => rest,
            None if text.starts_with("arn:") => return None,
            None => text,
        };
        let (name, qualifier) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        let legal = |text: &str| {
            let plain =
                |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '$');
            !text.is_empty() && text.chars().all(plain)
        };
        (legal(name) && qualifier.is_none_or(legal)).then(|| Self {
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    }

    pub(super) fn of_request(request: &Value) -> Result<Self, ServiceError> {
        let text = request
            .get("FunctionName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(mut name) = Self::parse(text) else {
            return Err(invalid_parameter(&format!(
                "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint"
            )));
        };
        if let Some(qualifier) = request.get("Qualifier").and_then(Value::as_str) {
            if name
                .qualifier
                .as_deref()
                .is_some_and(|other| other != qualifier)
            {
                return Err(invalid_parameter(
                    "The derived qualifier from the function name does not match the specified qualifier.",
                ));
            }
            name.qualifier = Some(qualifier.to_owned());
        }
        Ok(name)
    }
}

pub(super) async fn answer(
    lambda: &Arc<Lambda>,
    request: &Value,
    body: Bytes,
    custody: &mut Custody,
) -> Result<Reply, ServiceError> {
    let name = FunctionName::of_request(request)?;
    let payload = if body.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        body
    };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        return Err(ServiceError::new(
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {error}"),
        )
        .with_detail("Type", "User"));
    }
    let invocation = Invocation {
        function_name: name.name,
        qualifier: name.qualifier,
        payload,
        client_context: request
            .get("ClientContext")
            .and_then(Value::as_str)
            .map(str::to_owned),
    };
    match request.get("InvocationType").and_then(Value::as_str) {
        None | Some("RequestResponse") => {
            let outcome = lambda
                .invoke(invocation, custody)
                .await
                .map_err(|error| refusal(&error))?;
            let with_log = request.get("LogType").and_then(Value::as_str) == Some("Tail");
            Ok(reply(&outcome, with_log))
        }
        Some("Event") => {
            lambda.find(request)?;
            accept_event(lambda, invocation);
            Ok(Reply::new(
                StatusCode::ACCEPTED,
                "application/json",
                Bytes::new(),
            ))
        }
        Some("DryRun") => {
            lambda.find(request)?;
            Ok(Reply::new(
                StatusCode::NO_CONTENT,
                "application/json",
                Bytes::new(),
            ))
        }
        Some(other) => Err(invalid_parameter(&format!(
            "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: \
             Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
        ))),
    }
}

fn reply(outcome: &InvocationOutcome, with_log: bool) -> Reply {
    let mut reply = Reply::new(StatusCode::OK, "application/json", outcome.payload.clone())
        .with_header("x-amz-executed-version", &outcome.executed_version);
    if let Some(error) = &outcome.error {
        reply = reply.with_header("x-amz-function-error", error.handling);
    }
    if with_log {
        reply = reply.with_header("x-amz-log-result", &STANDARD.encode(&outcome.log_tail));
    }
    reply
}

/// A refusal as the Lambda API answers it.
pub(crate) fn refusal(error: &InvokeError) -> ServiceError {
    match error {
        InvokeError::NotFound(arn) => not_found(arn),
        InvokeError::TooManyRequests(message) => {
            ServiceError::new("TooManyRequestsException", message)
                .with_status(StatusCode::TOO_MANY_REQUESTS)
                .with_detail("Reason", "ConcurrentInvocationLimitExceeded")
        }
        InvokeError::Invalid(message) => {
            ServiceError::new("InvalidRequestContentException", message)
        }
        InvokeError::Service(message) => ServiceError::new("ServiceException", message)
            .with_status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Sees to an event, for whose result nobody waits.
pub(crate) fn accept_event(lambda: &Arc<Lambda>, invocation: Invocation) {
    let work = lambda.context.clock.work();
    tokio::spawn(deliver_event(Arc::clone(lambda), invocation, work));
}

/// An event is tried three times, after one minute and after two more.
async fn deliver_event(lambda: Arc<Lambda>, invocation: Invocation, work: Work) {
    let clock = lambda.context.clock.clone();
    let mut custody = Some(work);
    for pause in [Some(60), Some(120), None] {
        let failed = match lambda.invoke(invocation.clone(), &mut custody).await {
            Ok(outcome) => outcome.error.is_some(),
            Err(_) => true,
        };
        match pause {
            Some(seconds) if failed => {
                let next = clock.after(Duration::from_secs(seconds));
                let work = custody.take().unwrap_or_else(|| clock.work());
                custody = Some(deadline::reached(&clock, next, work).await);
            }
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_no_function_can_have() {
        for text in ["", "a b", "arn:aws:s3:::bucket", "function:", "name:"] {
            assert_eq!(FunctionName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reads_names_and_arns_with_their_qualifier() {
        let named = |name: &str, qualifier: Option<&str>| {
            Some(FunctionName {
                name: name.to_owned(),
                qualifier: qualifier.map(str::to_owned),
            })
        };
        assert_eq!(FunctionName::parse("status_emr"), named("status_emr", None));
        assert_eq!(
            FunctionName::parse("status_emr:live"),
            named("status_emr", Some("live"))
        );
        assert_eq!(
            FunctionName::parse(
                "arn:aws:lambda:us-east-1:000000000000:function:status_emr:$LATEST"
            ),
            named("status_emr", Some("$LATEST"))
        );
    }
}
