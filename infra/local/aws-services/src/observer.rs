//! What the services tell while they work: the command line draws its live view from it, tests and simulations record it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::step_runner::StepProgress;

/// Something that happened. Serialises as `{"type": "ExecutionStarted", …}`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Occurrence {
    /// A state machine's execution began, or began again because it was redriven.
    ExecutionStarted {
        /// The execution's ARN.
        execution_arn: String,
        /// Its state machine's ARN.
        state_machine_arn: String,
        /// The execution's own name.
        name: String,
        /// The execution that started it through Step Functions' own integration, if one did.
        parent: Option<String>,
        /// The execution's input.
        input: Value,
    },
    /// An event was added to an execution's history.
    HistoryEvent {
        /// The execution's ARN.
        execution_arn: String,
        /// The event as GetExecutionHistory shows it (`id`, `type`, `timestamp`, `…EventDetails`).
        event: Value,
    },
    /// An execution reached its end.
    ExecutionEnded {
        /// The execution's ARN.
        execution_arn: String,
        /// SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        status: String,
        /// The output of a success.
        output: Option<Value>,
        /// The error's name, if it has one.
        error: Option<String>,
        /// The error's cause, if it has one.
        cause: Option<String>,
    },
    /// A cluster changed its state.
    ClusterChanged {
        /// `j-…`.
        cluster_id: String,
        /// The cluster's name.
        name: String,
        /// STARTING, BOOTSTRAPPING, RUNNING, WAITING, TERMINATING, TERMINATED or TERMINATED_WITH_ERRORS.
        state: String,
        /// The message of EMR's StateChangeReason; may be empty.
        reason: String,
    },
    /// Instances of a cluster came or went.
    InstancesChanged {
        /// `j-…`.
        cluster_id: String,
        /// How many instances run, by fleet type (MASTER, CORE, TASK).
        running: BTreeMap<String, usize>,
        /// How many are being provisioned, by fleet type.
        provisioning: BTreeMap<String, usize>,
    },
    /// A step changed its state.
    StepChanged {
        /// `j-…`.
        cluster_id: String,
        /// `s-…`.
        step_id: String,
        /// The step's name.
        name: String,
        /// PENDING, RUNNING, COMPLETED, CANCELLED, FAILED, INTERRUPTED or CANCEL_PENDING.
        state: String,
        /// Why, when it failed; else empty.
        reason: String,
    },
    /// A running step reported progress.
    StepProgress {
        /// `j-…`.
        cluster_id: String,
        /// `s-…`.
        step_id: String,
        /// What it reported.
        progress: StepProgress,
    },
    /// A message was published to a topic, and so an e-mail was sent to those who subscribed.
    MessagePublished {
        /// The topic's ARN.
        topic_arn: String,
        /// The message's id.
        message_id: String,
        /// The subject line, if there is one.
        subject: Option<String>,
        /// The text.
        message: String,
    },
    /// A function was invoked, by Step Functions or over the Lambda API.
    FunctionInvoked {
        /// The function's name.
        function_name: String,
        /// How long it ran, in milliseconds of pipeline time.
        duration_millis: u64,
        /// How long its cold start took, in milliseconds, when this was one.
        init_millis: Option<u64>,
        /// The most memory that its process held so far, in bytes.
        max_memory_bytes: Option<u64>,
        /// `errorType: errorMessage` of a failure.
        error: Option<String>,
        /// The end of its log.
        log_tail: String,
    },
    /// A rule or a schedule started something, or failed to.
    TargetNotified {
        /// The rule's or schedule's ARN.
        source: String,
        /// The target's ARN.
        target: String,
        /// Why the target refused, if it did.
        error: Option<String>,
    },
}

/// Hears of everything, in order, on whatever task it happened; must return at once and must not call back.
pub trait Observer: Send + Sync + 'static {
    /// `at` is the pipeline time of the occurrence.
    fn observe(&self, at: Timestamp, occurrence: Occurrence);
}

/// Hears of nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct IgnoreEverything;

impl Observer for IgnoreEverything {
    fn observe(&self, _at: Timestamp, _occurrence: Occurrence) {}
}
