//! Task: has a function, an activity or another service do something, and waits for its result. The execution watches the
//! timeout and the heartbeat itself.

use serde_json::Value;

use super::seconds::Number;
use crate::data_flow::jsonpath::evaluate;
use crate::definition::{Diagnostics, Fields};
use crate::errors::{Failure, HEARTBEAT_TIMEOUT, TIMEOUT};
use crate::execution::{
    Execution, Extra, Purpose, RunningTask, ThreadId, Work, limit, seconds_milliseconds,
};
use crate::machine::{QueryLanguage, State};
use crate::payload::Payload;
use crate::template::Template;
use crate::{
    EventDetails, EventType, IntegrationPattern, Resource, StartTask, Status, TaskId, Text,
};
use crate::{integration_parameters, integrations};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    resource: Resource,
    credentials: Option<Template>,
    timeout: Option<Number>,
    heartbeat: Option<Number>,
}

/// What becomes of a task that has been started.
pub(crate) enum Outcome {
    Started {
        worker_name: Option<String>,
    },
    Submitted {
        output: Value,
    },
    Succeeded {
        output: Value,
    },
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
    StartFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    SubmitFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    Heartbeat,
    /// Only of a distributed Map.
    Child {
        task: TaskId,
        status: Status,
        redrivable: bool,
    },
    TimedOut {
        heartbeat: bool,
    },
}

impl Task {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        fields.require(&["Resource"], diagnostics);
        let credentials = fields.template("Credentials", diagnostics);
        let timeout = Number::read(
            "TimeoutSeconds",
            "TimeoutSecondsPath",
            1,
            fields,
            diagnostics,
        );
        let heartbeat = Number::read(
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            1,
            fields,
            diagnostics,
        );
        if let (Some(Number::Literal(timeout)), Some(Number::Literal(heartbeat))) =
            (&timeout, &heartbeat)
            && heartbeat >= timeout
        {
            diagnostics.error(
                fields.at("HeartbeatSeconds"),
                "HeartbeatSeconds must be smaller than TimeoutSeconds",
            );
        }
        let arn = fields.text("Resource", diagnostics)?;
        let Some(resource) = Resource::parse(arn).filter(integrations::is_known) else {
            diagnostics.error(
                fields.at("Resource"),
                format!(
                    "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is \
                     not available in this region."
                ),
            );
            return None;
        };
        let field = fields.arguments_field();
        if let Some(Value::Object(parameters)) = fields.value(field) {
            for problem in integration_parameters::problems(&resource, parameters) {
                diagnostics.error(fields.at(field), problem);
            }
        }
        Some(Self {
            resource,
            credentials,
            timeout,
            heartbeat,
        })
    }

    pub(crate) fn resource(&self) -> &Resource {
        &self.resource
    }

    pub(crate) fn has_timeout(&self) -> bool {
        self.timeout.is_some()
    }

    /// Whether whoever does the task answers with a token.
    fn wants_token(&self) -> bool {
        match &self.resource {
            Resource::Function { .. } => false,
            Resource::Activity { .. } => true,
            Resource::Integration(integration) => {
                integration.pattern == IntegrationPattern::WaitForTaskToken
            }
        }
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let timeout_seconds = match &self.timeout {
            Some(number) => Some(number.get(execution, thread, input.value())?),
            None => None,
        };
        let heartbeat_seconds = match &self.heartbeat {
            Some(number) => Some(number.get(execution, thread, input.value())?),
            None => None,
        };
        let token = self.wants_token().then(|| execution.token());
        let extra = Extra {
            token: token.as_deref(),
            ..Extra::default()
        };
        let arguments = execution.arguments(thread, state, &input, extra)?;
        if let Resource::Activity { arn } = &self.resource
            && execution.surroundings().missing_activities.contains(arn)
        {
            let message = format!("The activity {arn} does not exist.");
            return Err(execution.runtime_failure(thread, message));
        }
        self.check(execution, thread, state, &arguments)?;
        let credentials = match &self.credentials {
            Some(template) => Some(execution.evaluate(thread, input.value(), extra, |scope| {
                evaluate(template, scope)
            })?),
            None => None,
        };
        if let Some(mock) = execution.mocked() {
            let result = execution.mock_result(thread, mock)?;
            return execution.finish(thread, state, result);
        }
        let start = StartTask {
            task: execution.task_id(),
            resource: self.resource.clone(),
            arguments: arguments.value().clone(),
            state_name: state.name().to_owned(),
            token,
            credentials,
            timeout_seconds,
            heartbeat_seconds,
        };
        let (event, details) = self.scheduled(&start, &arguments, execution.identity().region());
        execution.record(thread, event, details);
        execution.expect(start.task, thread);
        execution.start_task(start.clone());
        let timer = |seconds: Option<u64>, purpose, execution: &mut Execution| {
            seconds.map(|seconds| execution.set_timer(seconds_milliseconds(seconds), purpose))
        };
        let timeout = timer(timeout_seconds, Purpose::Timeout(thread), execution);
        // An activity's worker has to be heard of only once there is one.
        let watched = match self.resource {
            Resource::Activity { .. } => None,
            _ => heartbeat_seconds,
        };
        let heartbeat = timer(watched, Purpose::Heartbeat(thread), execution);
        let running = RunningTask {
            start,
            started: false,
            timeout,
            heartbeat,
        };
        execution.set_work(thread, Work::Task(Box::new(running)));
        Ok(())
    }

    /// A failure if the resource cannot be called with these.
    fn check(
        &self,
        execution: &Execution,
        thread: ThreadId,
        state: &State,
        arguments: &Payload,
    ) -> Result<(), Failure> {
        let problems = match arguments.value() {
            Value::Object(given) => integration_parameters::problems(&self.resource, given),
            _ => Vec::new(),
        };
        if problems.is_empty() {
            return Ok(());
        }
        let field = match state.query_language() {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        let message = format!(
            "The {field} '{}' could not be used to start the Task: [{}]",
            arguments.text(),
            problems.join(", ")
        );
        Err(execution.runtime_failure(thread, message))
    }

    /// Something has become of the thread's task.
    pub(crate) fn arrived(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
        outcome: Outcome,
    ) -> Result<(), Failure> {
        match outcome {
            Outcome::Started { worker_name } => {
                self.started(execution, thread, worker_name);
                self.heartbeat(execution, thread);
            }
            Outcome::Heartbeat => self.heartbeat(execution, thread),
            Outcome::Child { .. } => {}
            Outcome::Submitted { output } => {
                self.started(execution, thread, None);
                let output = Payload::from(output);
                execution.record(
                    thread,
                    EventType::TaskSubmitted,
                    self.details().with_output(output.text()),
                );
            }
            Outcome::Succeeded { output } => {
                self.started(execution, thread, None);
                let output = Payload::from(output);
                if let Err(failure) = limit(&output, self.resource.arn()) {
                    return self.failed(execution, thread, self.events().failed, failure);
                }
                self.over(execution, thread);
                execution.record(
                    thread,
                    self.events().succeeded,
                    self.details().with_output(output.text()),
                );
                return execution.finish(thread, state, output);
            }
            Outcome::Failed { error, cause } => {
                self.started(execution, thread, None);
                let event = match error.as_deref() {
                    Some(TIMEOUT | HEARTBEAT_TIMEOUT) => self.events().timed_out,
                    _ => self.events().failed,
                };
                return self.failed(execution, thread, event, failure(error, cause));
            }
            Outcome::StartFailed { error, cause } => {
                return self.failed(
                    execution,
                    thread,
                    self.events().start_failed,
                    failure(error, cause),
                );
            }
            Outcome::SubmitFailed { error, cause } => {
                self.started(execution, thread, None);
                return self.failed(
                    execution,
                    thread,
                    EventType::TaskSubmitFailed,
                    failure(error, cause),
                );
            }
            Outcome::TimedOut { heartbeat } => {
                if let Some(task) = self.over(execution, thread) {
                    execution.cancel_task(task.start.task);
                }
                let error = if heartbeat {
                    HEARTBEAT_TIMEOUT
                } else {
                    TIMEOUT
                };
                let failure = failure(Some(error.to_owned()), None);
                return self.failed(execution, thread, self.events().timed_out, failure);
            }
        }
        Ok(())
    }

    /// Records that the task has been started, unless that is known.
    fn started(&self, execution: &mut Execution, thread: ThreadId, worker_name: Option<String>) {
        let Some(Work::Task(task)) = execution.work_mut(thread) else {
            return;
        };
        if std::mem::replace(&mut task.started, true) {
            return;
        }
        let details = EventDetails {
            worker_name: worker_name.map(Text::from),
            ..self.details()
        };
        execution.record(thread, self.events().started, details);
    }

    fn heartbeat(&self, execution: &mut Execution, thread: ThreadId) {
        let Some(Work::Task(task)) = execution.work_mut(thread) else {
            return;
        };
        let (seconds, timer) = (task.start.heartbeat_seconds, task.heartbeat);
        let Some(seconds) = seconds else {
            return;
        };
        if let Some(timer) = timer {
            execution.cancel_timer(timer);
        }
        let timer = execution.set_timer(seconds_milliseconds(seconds), Purpose::Heartbeat(thread));
        if let Some(Work::Task(task)) = execution.work_mut(thread) {
            task.heartbeat = Some(timer);
        }
    }

    fn failed(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        event: EventType,
        failure: Failure,
    ) -> Result<(), Failure> {
        self.over(execution, thread);
        let details = EventDetails {
            error: failure.error.clone(),
            cause: failure.cause.clone(),
            ..self.details()
        };
        execution.record(thread, event, details);
        Err(failure)
    }

    /// The task is done, whatever became of it.
    fn over(&self, execution: &mut Execution, thread: ThreadId) -> Option<Box<RunningTask>> {
        let work = std::mem::replace(execution.work_mut(thread)?, Work::Begun);
        let Work::Task(task) = work else {
            return None;
        };
        execution.release(&task);
        Some(task)
    }

    fn scheduled(
        &self,
        start: &StartTask,
        arguments: &Payload,
        region: &str,
    ) -> (EventType, EventDetails) {
        let timed = EventDetails {
            timeout_in_seconds: start.timeout_seconds,
            heartbeat_in_seconds: start.heartbeat_seconds,
            task_credentials: start.credentials.as_ref().map(|credentials| {
                let role = credentials.get("RoleArn").cloned().unwrap_or_default();
                serde_json::json!({"roleArn": role})
            }),
            ..EventDetails::default()
        };
        let arn = Some(Text::from(self.resource.arn()));
        match &self.resource {
            Resource::Function { .. } => {
                let details = EventDetails {
                    resource: arn,
                    ..timed
                };
                (
                    EventType::LambdaFunctionScheduled,
                    details.with_input(arguments.text()),
                )
            }
            Resource::Activity { .. } => {
                let details = EventDetails {
                    resource: arn,
                    ..timed
                };
                (
                    EventType::ActivityScheduled,
                    details.with_input(arguments.text()),
                )
            }
            Resource::Integration(_) => {
                let details = EventDetails {
                    region: Some(region.into()),
                    parameters: Some(arguments.text().clone()),
                    resource: self.details().resource,
                    resource_type: self.details().resource_type,
                    ..timed
                };
                (EventType::TaskScheduled, details)
            }
        }
    }

    /// What every later event of an integration says; those of functions and activities say nothing of it.
    fn details(&self) -> EventDetails {
        match &self.resource {
            Resource::Integration(integration) => EventDetails {
                resource: Some(integration.action_and_pattern().into()),
                resource_type: Some(integration.service.as_str().into()),
                ..EventDetails::default()
            },
            _ => EventDetails::default(),
        }
    }

    fn events(&self) -> Events {
        match &self.resource {
            Resource::Function { .. } => Events {
                started: EventType::LambdaFunctionStarted,
                start_failed: EventType::LambdaFunctionStartFailed,
                succeeded: EventType::LambdaFunctionSucceeded,
                failed: EventType::LambdaFunctionFailed,
                timed_out: EventType::LambdaFunctionTimedOut,
            },
            Resource::Activity { .. } => Events {
                started: EventType::ActivityStarted,
                start_failed: EventType::ActivityScheduleFailed,
                succeeded: EventType::ActivitySucceeded,
                failed: EventType::ActivityFailed,
                timed_out: EventType::ActivityTimedOut,
            },
            Resource::Integration(_) => Events {
                started: EventType::TaskStarted,
                start_failed: EventType::TaskStartFailed,
                succeeded: EventType::TaskSucceeded,
                failed: EventType::TaskFailed,
                timed_out: EventType::TaskTimedOut,
            },
        }
    }
}

/// The names that a kind of resource has for what happens.
struct Events {
    started: EventType,
    start_failed: EventType,
    succeeded: EventType,
    failed: EventType,
    timed_out: EventType,
}

fn failure(error: Option<String>, cause: Option<String>) -> Failure {
    Failure {
        error: error.map(Text::from),
        cause: cause.map(Text::from),
    }
}
