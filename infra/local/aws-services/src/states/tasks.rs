//! What a task's resource does: a function, or another service through the same code that its own API uses.

use std::sync::Arc;

use serde_json::{Value, json};
use states_language::{
    Arrival, Integration, IntegrationPattern, Resource, StartTask, Status, TaskId,
};
use virtual_time::Work;

use super::executions::described_to_parent;
use super::http_metadata::Answered;
use super::members::{lower_first, pascal, renamed, renamed_top, upper_first, with_dates};
use super::outcome::{Outcome, TaskFailure, answered, arrival, result_of, submit_failed};
use super::run::Run;
use super::{StepFunctions, objects};
use crate::interceptor::Call;

impl StepFunctions {
    /// Carries out a task. `None` when nothing will ever be delivered by this call: it hangs, or somebody has its token.
    pub(super) async fn perform(
        self: &Arc<Self>,
        run: &Arc<Run>,
        start: StartTask,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let task = start.task;
        // Nobody waits for a call that hangs: the guard is let go, so that time can reach the task's timeout.
        let (outcome, work) = match &start.resource {
            Resource::Function { arn } => {
                let (outcome, work) = self.invoke(arn, &start.arguments, None, work).await?;
                (outcome.and_then(result_of), work)
            }
            Resource::Activity { arn } => {
                self.schedule_activity(run, arn, &start, work);
                return None;
            }
            Resource::Integration(integration) => {
                return self.integrate(run, &start, integration, work).await;
            }
        };
        Some((arrival(task, outcome), work))
    }

    async fn integrate(
        self: &Arc<Self>,
        run: &Arc<Run>,
        start: &StartTask,
        integration: &Integration,
        mut work: Work,
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
            ("lambda", "invoke") => {
                let called = self.invoke_by_parameters(&start.arguments, work).await?;
                let outcome;
                (outcome, work) = called;
                outcome
            }
            ("sns", "publish") => {
                let answer = self
                    .sdk_call("sns", "SNS", "Publish", publication(&start.arguments))
                    .await?;
                answer.map(|answer| self.with_http(answer, &Answered::with("text/xml")))
            }
            ("sqs", "sendMessage") => {
                let called = self.send_message(&start.arguments, work).await?;
                let outcome;
                (outcome, work) = called;
                outcome
            }
            ("events", "putEvents") => self.put_events(run, &start.arguments).await?,
            ("elasticmapreduce", _) => {
                return self.elasticmapreduce(run, start, integration, work).await;
            }
            ("aws-sdk:sqs", action) => {
                let called = self.sqs_through_sdk(action, &start.arguments, work).await?;
                let outcome;
                (outcome, work) = called;
                outcome
            }
            ("aws-sdk:lambda", action) => {
                let called = self
                    .lambda_through_sdk(action, &start.arguments, work)
                    .await?;
                let outcome;
                (outcome, work) = called;
                outcome
            }
            ("aws-sdk:eventbridge", action) => {
                self.through_sdk("events", "EventBridge", action, &start.arguments)
                    .await?
            }
            ("aws-sdk:scheduler", action) => {
                self.through_sdk("scheduler", "Scheduler", action, &start.arguments)
                    .await?
            }
            ("aws-sdk:s3", action) => {
                self.sdk_call("s3", "S3", &pascal(action), start.arguments.clone())
                    .await?
            }
            ("aws-sdk:ec2", action) => {
                self.sdk_call("ec2", "Ec2", &pascal(action), start.arguments.clone())
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
            ("aws-sdk:sfn", "getActivityTask") => {
                let input = renamed(&start.arguments, lower_first);
                let called = self.get_activity_task_inside(&input, work).await?;
                let outcome;
                (outcome, work) = called;
                outcome
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

    /// Calls a service as the SDK would. `None` when the call hangs.
    pub(super) async fn sdk_call(
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
                "ec2" => neighbours.ec2.call(action, input).await,
                "elasticmapreduce" => neighbours.emr.call(action, input).await,
                "events" => neighbours.events.call(action, input).await,
                "scheduler" => neighbours.scheduler.call(action, input).await,
                "lambda" => neighbours.lambda.describe(action, &input),
                // Boxed, because StartExecution may come round to here again.
                _ => Box::pin(self.call(action, input)).await,
            }
        };
        let result = self.context.intercepted(&call, effect).await;
        answered(prefix, result, &self.context.entropy.uuid())
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
