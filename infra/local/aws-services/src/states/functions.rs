//! Functions as tasks: by their ARN, and by `lambda:invoke`. `tasks` and `queue_and_bus` call it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use virtual_time::Work;

use super::StepFunctions;
use super::http_metadata::Answered;
use super::outcome::{Outcome, TaskFailure, answered, failure_of, result_of};
use crate::function_invoker::{Custody, Invocation, InvocationOutcome};
use crate::interceptor::Call;
use crate::lambda::{accept_event, refusal};

impl StepFunctions {
    /// `None` when the call hangs. While the function waits for something that hangs, nobody holds the guard.
    pub(super) async fn invoke(
        &self,
        function_arn: &str,
        event: &Value,
        client_context: Option<&str>,
        work: Work,
    ) -> Option<(Result<InvocationOutcome, TaskFailure>, Work)> {
        let invocation = invocation(function_arn, event, client_context);
        let neighbours = match self.neighbours() {
            Ok(neighbours) => neighbours,
            Err(error) => {
                let failure = failure_of("Lambda", error, &self.context.entropy.uuid());
                return Some((Err(failure), work));
            }
        };
        let call = Call {
            service: "lambda".to_owned(),
            action: "Invoke".to_owned(),
            caller: "states".to_owned(),
            request: json!({"FunctionName": function_arn, "Payload": event}),
        };
        let mut custody: Custody = Some(work);
        let effect = async {
            let invoked = neighbours.lambda.invoke(invocation, &mut custody).await;
            invoked.map_err(|error| refusal(&error))
        };
        let result = self.context.intercepted(&call, effect).await;
        let outcome = answered("Lambda", result, &self.context.entropy.uuid())?;
        let work = custody.unwrap_or_else(|| self.context.clock.work());
        Some((outcome, work))
    }

    /// The function that `FunctionName` and `Qualifier` name.
    pub(super) fn function_arn(&self, parameters: &Value) -> String {
        let name = parameters["FunctionName"].as_str().unwrap_or_default();
        match (name.starts_with("arn:"), parameters["Qualifier"].as_str()) {
            (true, None) => name.to_owned(),
            (true, Some(qualifier)) => format!("{name}:{qualifier}"),
            (false, None) => self.context.arn("lambda", &format!("function:{name}")),
            (false, Some(qualifier)) => self
                .context
                .arn("lambda", &format!("function:{name}:{qualifier}")),
        }
    }

    /// `lambda:invoke`.
    pub(super) async fn invoke_by_parameters(
        &self,
        parameters: &Value,
        work: Work,
    ) -> Option<(Outcome, Work)> {
        let arn = self.function_arn(parameters);
        let event = parameters
            .get("Payload")
            .cloned()
            .unwrap_or_else(|| json!({}));
        let client_context = parameters["ClientContext"].as_str();
        match parameters["InvocationType"].as_str() {
            None | Some("RequestResponse") => {}
            Some("Event") => {
                let outcome = self.invoke_later(&arn, &event, client_context).await?;
                return Some((outcome, work));
            }
            Some(other) => {
                let failure = TaskFailure {
                    error: "UnsupportedResource".to_owned(),
                    cause: format!(
                        "the local runtime does not support the InvocationType {other} of lambda:invoke"
                    ),
                };
                return Some((Err(failure), work));
            }
        }
        let (outcome, work) = self.invoke(&arn, &event, client_context, work).await?;
        let outcome = outcome.and_then(|outcome| {
            let version = outcome.executed_version.clone();
            let length = outcome.payload.len();
            let log = (parameters["LogType"] == "Tail").then(|| STANDARD.encode(&outcome.log_tail));
            let payload = result_of(outcome)?;
            let mut answer = json!({"ExecutedVersion": version});
            if let Some(log) = log {
                answer["LogResult"] = log.into();
            }
            answer["Payload"] = payload;
            Ok(self.with_http(answer, &Answered::by_lambda(Some(&version), length)))
        });
        Some((outcome, work))
    }

    /// Hands the event over and waits for nothing.
    async fn invoke_later(
        &self,
        function_arn: &str,
        event: &Value,
        client_context: Option<&str>,
    ) -> Option<Outcome> {
        let invocation = invocation(function_arn, event, client_context);
        let call = Call {
            service: "lambda".to_owned(),
            action: "Invoke".to_owned(),
            caller: "states".to_owned(),
            request: json!({"FunctionName": function_arn, "InvocationType": "Event", "Payload": event}),
        };
        let effect = async {
            let lambda = &self.neighbours()?.lambda;
            lambda.find(&json!({"FunctionName": function_arn}))?;
            accept_event(lambda, invocation);
            Ok(())
        };
        let result = self.context.intercepted(&call, effect).await;
        let outcome = answered("Lambda", result, &self.context.entropy.uuid())?;
        Some(outcome.map(|()| self.with_http(json!({}), &Answered::by_lambda(None, 0))))
    }
}

fn invocation(function_arn: &str, event: &Value, client_context: Option<&str>) -> Invocation {
    let mut parts = function_arn.split(':').skip(6);
    Invocation {
        function_name: parts.next().unwrap_or_default().to_owned(),
        qualifier: parts.next().map(str::to_owned),
        payload: Bytes::from(event.to_string()),
        client_context: client_context.map(str::to_owned),
    }
}
