//! What a task's resource does: a function, or another service through the same code that its own API uses.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use states_language::{
    Arrival, Integration, IntegrationPattern, Resource, StartTask, Status, TaskId,
};
use virtual_time::Work;

use super::executions::described_to_parent;
use super::run::Run;
use super::{StepFunctions, objects};
use crate::context::CallFailure;
use crate::failure::ServiceError;
use crate::function_invoker::{Invocation, InvocationOutcome};
use crate::interceptor::Call;
use crate::lambda::refusal;

/// A failure as a state machine sees it.
struct TaskFailure {
    error: String,
    cause: String,
}

/// What became of a call: an answer, a failure, or never anything.
type Outcome = Result<Value, TaskFailure>;

impl StepFunctions {
    /// Carries out a task. `None` when nothing will ever be delivered by this call: it hangs, or somebody has its token.
    pub(super) async fn perform(
        self: &Arc<Self>,
        run: &Arc<Run>,
        start: StartTask,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let task = start.task;
        let called = match &start.resource {
            Resource::Function { arn } => self
                .invoke(arn, &start.arguments)
                .await
                .map(|outcome| outcome.and_then(result_of)),
            Resource::Activity { arn } => Some(Err(TaskFailure {
                error: "UnsupportedResource".to_owned(),
                cause: format!("the local runtime does not support activities: {arn}"),
            })),
            Resource::Integration(integration) => {
                return self.integrate(run, &start, integration, work).await;
            }
        };
        // Nobody waits for a call that hangs: the guard is let go, so that time can reach the task's timeout.
        Some((arrival(task, called?), work))
    }

    async fn integrate(
        self: &Arc<Self>,
        run: &Arc<Run>,
        start: &StartTask,
        integration: &Integration,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let task = start.task;
        if integration.pattern == IntegrationPattern::WaitForTaskToken
            && let Some(token) = &start.token
        {
            // Before the call: its receiver may answer at once.
            self.tokens.remember(token.clone(), &run.arn, task);
        }
        let service = integration.service.as_str();
        let outcome = match (service, integration.action.as_str()) {
            ("states", "startExecution") => {
                return self.start_child(run, start, integration, work).await;
            }
            ("lambda", "invoke") => self.invoke_by_parameters(&start.arguments).await?,
            ("sns", "publish") => {
                let answer = self
                    .sdk_call("sns", "SNS", "Publish", publication(&start.arguments))
                    .await?;
                answer.map(|answer| self.with_metadata(answer))
            }
            ("aws-sdk:s3", action) => {
                self.sdk_call("s3", "S3", &pascal(action), start.arguments.clone())
                    .await?
            }
            ("aws-sdk:sns", action) => {
                self.sdk_call("sns", "Sns", &pascal(action), start.arguments.clone())
                    .await?
            }
            ("aws-sdk:emr", action) => {
                let answer = self
                    .sdk_call(
                        "elasticmapreduce",
                        "Emr",
                        &pascal(action),
                        start.arguments.clone(),
                    )
                    .await?;
                answer.map(with_dates)
            }
            ("aws-sdk:sfn", action) => {
                let mut input = start.arguments.clone();
                for document in ["Input", "Output", "Definition"] {
                    // The API takes these as text.
                    if let Some(value) = input.get_mut(document).filter(|value| !value.is_string())
                    {
                        *value = value.to_string().into();
                    }
                }
                let input = renamed(&input, lower_first);
                let answer = self
                    .sdk_call("states", "Sfn", &pascal(action), input)
                    .await?;
                answer.map(|answer| with_dates(renamed(&answer, upper_first)))
            }
            _ => Err(TaskFailure {
                error: "UnsupportedResource".to_owned(),
                cause: format!("the local runtime does not support {}", integration.arn),
            }),
        };
        match (integration.pattern, outcome) {
            (IntegrationPattern::RequestResponse, outcome) => Some((arrival(task, outcome), work)),
            (IntegrationPattern::WaitForTaskToken, Ok(output)) => {
                self.drive(run, Some(Arrival::TaskSubmitted { task, output }), &work);
                None
            }
            (_, Ok(_)) => {
                let failure = TaskFailure {
                    error: "UnsupportedResource".to_owned(),
                    cause: format!("the local runtime does not support {}", integration.arn),
                };
                Some((arrival(task, Err(failure)), work))
            }
            (_, Err(failure)) => Some((submit_failed(task, failure), work)),
        }
    }

    async fn start_child(
        self: &Arc<Self>,
        run: &Arc<Run>,
        start: &StartTask,
        integration: &Integration,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let task = start.task;
        let mut input = renamed_top(&start.arguments, lower_first);
        // The integration takes any JSON as input; the API takes text.
        if !input["input"].is_string() && !input["input"].is_null() {
            input["input"] = input["input"].to_string().into();
        }
        let call = Call {
            service: "states".to_owned(),
            action: "StartExecution".to_owned(),
            caller: "states".to_owned(),
            request: input.clone(),
        };
        let effect = async { self.start_execution(&input, Some(&run.arn)) };
        let result = self.context.intercepted(&call, effect).await;
        let started = match answered("StepFunctions", result, &self.context.entropy.uuid())? {
            Ok(started) => started,
            Err(failure) => {
                let refused = match integration.pattern {
                    IntegrationPattern::RequestResponse => arrival(task, Err(failure)),
                    _ => submit_failed(task, failure),
                };
                return Some((refused, work));
            }
        };
        let output = self.with_metadata(json!({
            "ExecutionArn": started.run.arn,
            "StartDate": started.run.started.as_millisecond(),
        }));
        match integration.pattern {
            IntegrationPattern::RequestResponse => {
                Some((Arrival::TaskSucceeded { task, output }, work))
            }
            IntegrationPattern::WaitForTaskToken => {
                self.drive(run, Some(Arrival::TaskSubmitted { task, output }), &work);
                None
            }
            IntegrationPattern::Sync | IntegrationPattern::Sync2 => {
                self.drive(run, Some(Arrival::TaskSubmitted { task, output }), &work);
                if !run.adopt(task, &started.run.arn) {
                    // The task was given up while it began.
                    self.stop_children(vec![started.run.arn.clone()], &work);
                    return None;
                }
                let work = started.run.ended(work).await;
                run.release(task);
                let parsed = integration.pattern == IntegrationPattern::Sync2;
                Some((child_ended(task, &started.run, parsed), work))
            }
        }
    }

    /// `None` when the call hangs.
    async fn invoke(
        &self,
        function_arn: &str,
        event: &Value,
    ) -> Option<Result<InvocationOutcome, TaskFailure>> {
        let mut parts = function_arn.split(':').skip(6);
        let function_name = parts.next().unwrap_or_default().to_owned();
        let qualifier = parts.next().map(str::to_owned);
        let invocation = Invocation {
            function_name,
            qualifier,
            payload: Bytes::from(event.to_string()),
            client_context: None,
        };
        let neighbours = match self.neighbours() {
            Ok(neighbours) => neighbours,
            Err(error) => {
                return Some(Err(failure_of(
                    "Lambda",
                    error,
                    &self.context.entropy.uuid(),
                )));
            }
        };
        let call = Call {
            service: "lambda".to_owned(),
            action: "Invoke".to_owned(),
            caller: "states".to_owned(),
            request: json!({"FunctionName": function_arn, "Payload": event}),
        };
        let effect = async {
            neighbours
                .lambda
                .invoke(invocation)
                .await
                .map_err(|error| refusal(&error))
        };
        let result = self.context.intercepted(&call, effect).await;
        answered("Lambda", result, &self.context.entropy.uuid())
    }

    async fn invoke_by_parameters(&self, parameters: &Value) -> Option<Outcome> {
        let name = parameters["FunctionName"].as_str().unwrap_or_default();
        let arn = match (name.starts_with("arn:"), parameters["Qualifier"].as_str()) {
            (true, None) => name.to_owned(),
            (true, Some(qualifier)) => format!("{name}:{qualifier}"),
            (false, None) => self.context.arn("lambda", &format!("function:{name}")),
            (false, Some(qualifier)) => self
                .context
                .arn("lambda", &format!("function:{name}:{qualifier}")),
        };
        let event = parameters
            .get("Payload")
            .cloned()
            .unwrap_or_else(|| json!({}));
        let outcome = self.invoke(&arn, &event).await?;
        Some(outcome.and_then(|outcome| {
            let version = outcome.executed_version.clone();
            let payload = result_of(outcome)?;
            let mut answer =
                self.with_metadata(json!({"ExecutedVersion": version, "Payload": payload}));
            answer["StatusCode"] = 200.into();
            Ok(answer)
        }))
    }

    /// Adds what optimized integrations tell about the HTTP response.
    fn with_metadata(&self, mut answer: Value) -> Value {
        let request_id = self.context.entropy.uuid();
        let length = answer.to_string().len().to_string();
        let date = self
            .context
            .clock
            .now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let headers = [
            ("connection", "keep-alive"),
            ("Content-Length", &length),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("Date", &date),
            ("x-amzn-RequestId", &request_id),
        ];
        let listed: Map<String, Value> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!([value])))
            .collect();
        let plain: Map<String, Value> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        answer["SdkHttpMetadata"] =
            json!({"AllHttpHeaders": listed, "HttpHeaders": plain, "HttpStatusCode": 200});
        answer["SdkResponseMetadata"] = json!({"RequestId": request_id});
        answer
    }

    /// Calls a service as the SDK would. `None` when the call hangs.
    async fn sdk_call(
        self: &Arc<Self>,
        service: &str,
        prefix: &str,
        action: &str,
        input: Value,
    ) -> Option<Outcome> {
        let call = Call {
            service: service.to_owned(),
            action: action.to_owned(),
            caller: "states".to_owned(),
            request: input.clone(),
        };
        let effect = async {
            let neighbours = self.neighbours()?;
            match service {
                "s3" => objects::call(&neighbours.s3, action, &input).await,
                "sns" => neighbours.sns.call(action, input).await,
                "elasticmapreduce" => neighbours.emr.call(action, input).await,
                // Boxed, because StartExecution may come round to here again.
                _ => Box::pin(self.call(action, input)).await,
            }
        };
        let result = self.context.intercepted(&call, effect).await;
        answered(prefix, result, &self.context.entropy.uuid())
    }
}

/// `None` when there never will be an answer.
fn answered<T>(
    prefix: &str,
    result: Result<T, CallFailure>,
    request_id: &str,
) -> Option<Result<T, TaskFailure>> {
    match result {
        Ok(value) => Some(Ok(value)),
        Err(CallFailure::Answered(error)) => Some(Err(failure_of(prefix, error, request_id))),
        Err(CallFailure::ConnectionLost) => Some(Err(TaskFailure {
            error: format!("{prefix}.SdkClientException"),
            cause: "Unable to execute HTTP request: the connection was lost before a response"
                .to_owned(),
        })),
        Err(CallFailure::Hang) => None,
    }
}

/// An error of a service under the name that Step Functions gives it: `S3.NoSuchKeyException`.
fn failure_of(prefix: &str, error: ServiceError, request_id: &str) -> TaskFailure {
    let status = error.status.as_u16();
    let code = match error.code.as_str() {
        // The SDK has classes for these errors of S3 and calls the others after the service.
        code @ ("NoSuchKey"
        | "NoSuchBucket"
        | "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "InvalidObjectState") => code,
        _ if prefix == "S3" => "S3",
        other => other,
    };
    let suffix = if code.ends_with("Exception") {
        ""
    } else {
        "Exception"
    };
    let from = match prefix {
        "Lambda" | "SNS" | "StepFunctions" => {
            let service = match prefix {
                "Lambda" => "AWSLambda",
                "SNS" => "AmazonSNS",
                _ => "AWSStepFunctions",
            };
            format!(
                "(Service: {service}; Status Code: {status}; Error Code: {}; Request ID: {request_id}; Proxy: null)",
                error.code
            )
        }
        "S3" => format!(
            "(Service: S3, Status Code: {status}, Request ID: {request_id}, Extended Request ID: {request_id}) (SDK Attempt Count: 1)"
        ),
        _ => format!(
            "(Service: {prefix}, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
        ),
    };
    TaskFailure {
        error: format!("{prefix}.{code}{suffix}"),
        cause: format!("{} {from}", error.message),
    }
}

/// A function's answer; its own error goes by its `errorType`, with the error document as cause.
fn result_of(outcome: InvocationOutcome) -> Outcome {
    match outcome.error {
        Some(error) if error.error_type.is_empty() => Err(TaskFailure {
            error: "Lambda.Unknown".to_owned(),
            cause: format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {}",
                String::from_utf8_lossy(&outcome.payload)
            ),
        }),
        Some(error) => Err(TaskFailure {
            error: error.error_type,
            cause: String::from_utf8_lossy(&outcome.payload).into_owned(),
        }),
        None if outcome.payload.is_empty() => Ok(Value::Null),
        None => serde_json::from_slice(&outcome.payload).map_err(|error| TaskFailure {
            error: "Lambda.Unknown".to_owned(),
            cause: format!("the function answered with something that is not JSON: {error}"),
        }),
    }
}

fn arrival(task: TaskId, outcome: Outcome) -> Arrival {
    match outcome {
        Ok(output) => Arrival::TaskSucceeded { task, output },
        Err(failure) => Arrival::TaskFailed {
            task,
            error: Some(failure.error),
            cause: Some(failure.cause),
        },
    }
}

fn submit_failed(task: TaskId, failure: TaskFailure) -> Arrival {
    Arrival::TaskSubmitFailed {
        task,
        error: Some(failure.error),
        cause: Some(failure.cause),
    }
}

/// The end of a child that was waited for, as `.sync` tells it: DescribeExecution's members with capitals.
fn child_ended(task: TaskId, child: &Run, parsed: bool) -> Arrival {
    let mut description = described_to_parent(child);
    let read = |text: &Value| {
        text.as_str()
            .and_then(|text| serde_json::from_str(text).ok())
    };
    if parsed {
        for member in ["Input", "Output"] {
            if let Some(value) = read(&description[member]) {
                description[member] = value;
            }
        }
    }
    match child.status() {
        Status::Succeeded { .. } => Arrival::TaskSucceeded {
            task,
            output: description,
        },
        _ => Arrival::TaskFailed {
            task,
            error: Some("States.TaskFailed".to_owned()),
            cause: Some(description.to_string()),
        },
    }
}

/// A message that is not text is sent as the JSON that it is.
fn publication(parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    if let Some(message) = parameters.get_mut("Message")
        && !message.is_string()
    {
        *message = Value::String(message.to_string());
    }
    parameters
}

/// `listObjectsV2` as the API has it: `ListObjectsV2`.
fn pascal(action: &str) -> String {
    upper_first(action)
}

fn upper_first(name: &str) -> String {
    first_letter(name, |letter| letter.to_ascii_uppercase())
}

fn lower_first(name: &str) -> String {
    first_letter(name, |letter| letter.to_ascii_lowercase())
}

fn first_letter(name: &str, change: impl Fn(char) -> char) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(&change)
        .into_iter()
        .chain(letters)
        .collect()
}

fn renamed_top(value: &Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (rename(name), value.clone()))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Renames the members at every depth; documents in text stay as they are.
fn renamed(value: &Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (rename(name), renamed(value, rename)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| renamed(item, rename)).collect(),
        other => other.clone(),
    }
}

/// Times as the SDK integrations write them: text instead of seconds.
fn with_dates(value: Value) -> Value {
    let is_date =
        |name: &str| name.ends_with("Date") || name.ends_with("DateTime") || name == "Timestamp";
    let written = |seconds: f64| {
        let at = jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()?;
        Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    };
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let date = value.as_f64().filter(|_| is_date(&name)).and_then(written);
                let value = date.map_or_else(|| with_dates(value), Value::from);
                (name, value)
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(with_dates).collect(),
        other => other,
    }
}
