//! The integrations of SQS, EventBridge, the scheduler and Lambda's own API: the optimized `sqs:sendMessage` and
//! `events:putEvents`, and `aws-sdk:*` for all four. `tasks` calls it.

use std::sync::Arc;

use serde_json::{Value, json};
use virtual_time::Work;

use super::StepFunctions;
use super::http_metadata::Answered;
use super::members::{pascal, with_dates};
use super::outcome::{Outcome, TaskFailure, answered};
use super::run::Run;
use crate::function_invoker::Custody;
use crate::interceptor::Call;
use crate::sqs::Waiting;

impl StepFunctions {
    /// `sqs:sendMessage`: a body that is not text is sent as the JSON that it is.
    pub(super) async fn send_message(
        self: &Arc<Self>,
        parameters: &Value,
        work: Work,
    ) -> Option<(Outcome, Work)> {
        let mut input = parameters.clone();
        if let Some(body) = input
            .get_mut("MessageBody")
            .filter(|body| !body.is_string())
        {
            *body = body.to_string().into();
        }
        let (outcome, work) = self.sqs_call("SQS", "SendMessage", input, work).await?;
        Some((outcome.map(|answer| self.with_metadata(answer)), work))
    }

    /// `events:putEvents`: details that are not text are sent as the JSON that they are, every entry names the execution and
    /// its state machine, and an entry that is refused fails the task.
    pub(super) async fn put_events(
        self: &Arc<Self>,
        run: &Run,
        parameters: &Value,
    ) -> Option<Outcome> {
        let mut input = parameters.clone();
        for entry in input["Entries"].as_array_mut().into_iter().flatten() {
            if let Some(detail) = entry.get_mut("Detail").filter(|detail| !detail.is_string()) {
                *detail = detail.to_string().into();
            }
            let mut resources = entry["Resources"].as_array().cloned().unwrap_or_default();
            resources.extend([json!(run.arn), json!(run.machine_arn)]);
            entry["Resources"] = resources.into();
        }
        let answer = match self
            .sdk_call("events", "EventBridge", "PutEvents", input)
            .await?
        {
            Ok(answer) => answer,
            Err(failure) => return Some(Err(failure)),
        };
        if answer["FailedEntryCount"].as_u64().unwrap_or(0) > 0 {
            return Some(Err(TaskFailure {
                error: "EventBridge.FailedEntry".to_owned(),
                cause: answer.to_string(),
            }));
        }
        let answered = Answered::with("application/x-amz-json-1.1");
        Some(Ok(self.with_http(answer, &answered)))
    }

    /// `aws-sdk:sqs:…`.
    pub(super) async fn sqs_through_sdk(
        self: &Arc<Self>,
        action: &str,
        parameters: &Value,
        work: Work,
    ) -> Option<(Outcome, Work)> {
        self.sqs_call("Sqs", &pascal(action), parameters.clone(), work)
            .await
    }

    /// The guard goes along, because a call may wait for messages.
    async fn sqs_call(
        self: &Arc<Self>,
        prefix: &str,
        action: &str,
        input: Value,
        work: Work,
    ) -> Option<(Outcome, Work)> {
        let call = Call {
            service: "sqs".to_owned(),
            action: action.to_owned(),
            caller: "states".to_owned(),
            request: input.clone(),
        };
        let mut custody: Custody = Some(work);
        let effect = async {
            let sqs = &self.neighbours()?.sqs;
            let waiting = Waiting::Inside;
            let called = sqs.call(action, input, waiting, &mut custody).await;
            called.map_err(|mut error| {
                if prefix == "SQS" && error.code != "QueueDoesNotExist" {
                    // The older SDK behind the optimized integration has no class for the others.
                    error.code = "AmazonSQS".to_owned();
                }
                error
            })
        };
        let result = self.context.intercepted(&call, effect).await;
        let outcome = answered(prefix, result, &self.context.entropy.uuid())?;
        let work = custody.unwrap_or_else(|| self.context.clock.work());
        Some((outcome, work))
    }

    /// `aws-sdk:eventbridge:…` and `aws-sdk:scheduler:…`.
    pub(super) async fn through_sdk(
        self: &Arc<Self>,
        service: &str,
        prefix: &str,
        action: &str,
        parameters: &Value,
    ) -> Option<Outcome> {
        let answer = self
            .sdk_call(service, prefix, &pascal(action), parameters.clone())
            .await?;
        Some(answer.map(|answer| match answer {
            Value::Null => json!({}),
            other => with_dates(other),
        }))
    }

    /// `aws-sdk:lambda:…`: payloads are text, and an error of the function is a part of the answer.
    pub(super) async fn lambda_through_sdk(
        self: &Arc<Self>,
        action: &str,
        parameters: &Value,
        work: Work,
    ) -> Option<(Outcome, Work)> {
        if action != "invoke" {
            let answer = self
                .sdk_call("lambda", "Lambda", &pascal(action), parameters.clone())
                .await?;
            return Some((answer, work));
        }
        let arn = self.function_arn(parameters);
        let event: Value = match parameters.get("Payload") {
            None | Some(Value::Null) => json!({}),
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(json!(text)),
            Some(other) => other.clone(),
        };
        if let Some(kind) = parameters["InvocationType"]
            .as_str()
            .filter(|kind| *kind != "RequestResponse")
        {
            let failure = TaskFailure {
                error: "UnsupportedResource".to_owned(),
                cause: format!(
                    "the local runtime does not support the InvocationType {kind} of aws-sdk:lambda:invoke"
                ),
            };
            return Some((Err(failure), work));
        }
        let (outcome, work) = self
            .invoke(&arn, &event, parameters["ClientContext"].as_str(), work)
            .await?;
        let answer = outcome.map(|outcome| {
            let mut answer = json!({
                "StatusCode": 200,
                "ExecutedVersion": outcome.executed_version,
                "Payload": String::from_utf8_lossy(&outcome.payload),
            });
            if let Some(error) = outcome.error {
                answer["FunctionError"] = error.handling.into();
            }
            answer
        });
        Some((answer, work))
    }
}
