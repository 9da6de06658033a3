//! Bringing an event or a scheduled call to its target: a state machine, a topic or a queue; what cannot be delivered goes
//! to a queue for dead letters. Rules and schedules use it; it retries
//! what may be retried, in pipeline time.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use virtual_time::Work;

use crate::acting;
use crate::context::{CallFailure, Context};
use crate::deadline;
use crate::failure::ServiceError;
use crate::interceptor::Call;
use crate::observer::Occurrence;
use crate::sns::Sns;
use crate::sqs::{Sqs, Waiting};
use crate::states::StepFunctions;

/// Knows the services that targets are in.
pub(crate) struct Delivery {
    context: Context,
    sns: Arc<Sns>,
    sqs: Arc<Sqs>,
    states: OnceLock<Weak<StepFunctions>>,
}

/// How often and for how long a delivery is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Patience {
    pub(crate) attempts: u64,
    pub(crate) age: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 185,
            age: Duration::from_secs(86_400),
        }
    }
}

impl Patience {
    /// Reads the members of a RetryPolicy.
    pub(crate) fn of_policy(policy: &Value) -> Self {
        let default = Self::default();
        let number = |name: &str| policy.get(name).and_then(Value::as_u64);
        Self {
            attempts: number("MaximumRetryAttempts").unwrap_or(default.attempts),
            age: number("MaximumEventAgeInSeconds").map_or(default.age, Duration::from_secs),
        }
    }
}

/// One thing to deliver.
#[derive(Debug, Clone)]
pub(crate) struct Shipment {
    /// `events` or `scheduler`.
    pub(crate) sender: &'static str,
    /// The rule's or schedule's ARN.
    pub(crate) source: String,
    /// The target's ARN.
    pub(crate) target: String,
    /// What the target gets.
    pub(crate) input: String,
    /// The ARN of the role that it is delivered under; a topic takes it on its own policy's word.
    pub(crate) role: String,
    /// The name of the execution that a state machine starts; the same in every attempt, so that a lost response does not
    /// cost a second execution.
    pub(crate) name: String,
    pub(crate) patience: Patience,
    /// The ARN of the queue for what cannot be delivered.
    pub(crate) dead_letters: Option<String>,
}

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

impl Delivery {
    pub(super) fn new(context: &Context, sns: Arc<Sns>, sqs: Arc<Sqs>) -> Self {
        Self {
            context: context.clone(),
            sns,
            sqs,
            states: OnceLock::new(),
        }
    }

    /// Tells where state machines are: they are opened after the rules that start them.
    pub(super) fn connect(&self, states: &Arc<StepFunctions>) {
        // A second connection would be to the same service.
        let _ = self.states.set(Arc::downgrade(states));
    }

    /// Tries until it is delivered or patience ends.
    pub(crate) async fn deliver(&self, shipment: Shipment, mut work: Work) {
        let clock = &self.context.clock;
        let began = clock.now();
        let mut pause = Duration::from_secs(1);
        let mut attempt = 0;
        let error = loop {
            let attempted = acting::under(shipment.role.clone(), self.attempt(&shipment));
            let failure = match attempted.await {
                Ok(()) => break None,
                Err(failure) => failure,
            };
            let message = match &failure {
                // Only an attempt of ours can have started an execution of this name.
                CallFailure::Answered(error)
                    if error.code == "ExecutionAlreadyExists" && attempt > 0 =>
                {
                    break None;
                }
                CallFailure::Answered(error) => error.to_string(),
                CallFailure::ConnectionLost => "the response was lost".to_owned(),
                CallFailure::Hang => "no response".to_owned(),
            };
            let next = clock.after(pause);
            let age =
                SignedDuration::try_from(shipment.patience.age).unwrap_or(SignedDuration::MAX);
            if !may_retry(&failure)
                || attempt >= shipment.patience.attempts
                || next.duration_since(began) > age
            {
                let code = match &failure {
                    CallFailure::Answered(error) => error.code.clone(),
                    _ => "SDK_CLIENT_ERROR".to_owned(),
                };
                self.bury(&shipment, &code, &message).await;
                break Some(message);
            }
            attempt += 1;
            work = deadline::reached(clock, next, work).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        if let Some(error) = &error {
            tracing::warn!(source = %shipment.source, target = %shipment.target, %error, "not delivered");
        }
        self.context.observe(Occurrence::TargetNotified {
            source: shipment.source,
            target: shipment.target,
            error,
        });
        drop(work);
    }

    /// Sends what could not be delivered to the queue for dead letters, if there is one.
    async fn bury(&self, shipment: &Shipment, code: &str, message: &str) {
        let Some(queue) = &shipment.dead_letters else {
            return;
        };
        let source = match shipment.sender {
            "scheduler" => "SCHEDULE_ARN",
            _ => "RULE_ARN",
        };
        let mut attributes = serde_json::Map::new();
        for (name, value) in [
            (source, shipment.source.as_str()),
            ("TARGET_ARN", shipment.target.as_str()),
            ("ERROR_CODE", code),
            ("ERROR_MESSAGE", message),
        ] {
            attributes.insert(
                name.to_owned(),
                json!({"DataType": "String", "StringValue": value}),
            );
        }
        let request = json!({"QueueUrl": queue_url(queue), "MessageBody": shipment.input, "MessageAttributes": attributes});
        let call = Call {
            service: "sqs".to_owned(),
            action: "SendMessage".to_owned(),
            caller: shipment.sender.to_owned(),
            request: request.clone(),
        };
        let effect = async { self.send(request).await };
        if let Err(failure) = self.context.intercepted(&call, effect).await {
            tracing::warn!(source = %shipment.source, %queue, ?failure, "not even a dead letter");
        }
    }

    async fn send(&self, request: Value) -> Result<Value, ServiceError> {
        self.sqs
            .call("SendMessage", request, Waiting::Inside, &mut None)
            .await
    }

    async fn attempt(&self, shipment: &Shipment) -> Result<(), CallFailure> {
        let Some((service, action, request)) =
            request(&shipment.target, &shipment.input, &shipment.name)
        else {
            return Err(CallFailure::Answered(ServiceError::validation(format!(
                "the local runtime delivers to state machines, SNS topics and SQS queues, not to {}",
                shipment.target
            ))));
        };
        let call = Call {
            service: service.to_owned(),
            action: action.to_owned(),
            caller: shipment.sender.to_owned(),
            request: request.clone(),
        };
        let effect = async {
            match (service, self.states.get().and_then(Weak::upgrade)) {
                ("sns", _) => self.sns.call(action, request).await,
                ("sqs", _) => self.send(request).await,
                (_, Some(states)) => states.call(action, request).await,
                (_, None) => Err(ServiceError::internal("state machines are not there yet")),
            }
        };
        self.context.intercepted(&call, effect).await.map(drop)
    }
}

/// Whether a target is one that can be delivered to.
pub(crate) fn serves(target: &str) -> bool {
    request(target, "", "").is_some()
}

/// Service, action and members of the call that delivers to a target.
fn request(target: &str, input: &str, name: &str) -> Option<(&'static str, &'static str, Value)> {
    match target {
        topic if topic.starts_with("arn:aws:sns:") => Some((
            "sns",
            "Publish",
            json!({"TopicArn": topic, "Message": input}),
        )),
        queue if queue.starts_with("arn:aws:sqs:") => Some((
            "sqs",
            "SendMessage",
            json!({"QueueUrl": queue_url(queue), "MessageBody": input}),
        )),
        machine if machine.starts_with("arn:aws:states:") && machine.contains(":stateMachine:") => {
            Some((
                "states",
                "StartExecution",
                json!({"stateMachineArn": machine, "input": input, "name": name}),
            ))
        }
        _ => None,
    }
}

/// The address of the queue of an ARN, for callers in this process.
fn queue_url(arn: &str) -> String {
    let mut parts = arn.rsplit(':');
    let (name, account) = (
        parts.next().unwrap_or(arn),
        parts.next().unwrap_or_default(),
    );
    format!("https://sqs/{account}/{name}")
}

fn may_retry(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::ConnectionLost | CallFailure::Hang => true,
        CallFailure::Answered(error) => {
            error.status.is_server_error()
                || error.status == http::StatusCode::TOO_MANY_REQUESTS
                || error.code.starts_with("Throttl")
                || error.code == "ExecutionLimitExceeded"
        }
    }
}
