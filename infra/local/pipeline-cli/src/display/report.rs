//! The account of one run: what `summary` prints at its end and `--json` prints instead. Built from the `View` by
//! `commands::run`, which adds what only the warehouse knows.

use jiff::Timestamp;
use serde::Serialize;

use super::cluster::Cluster;
use super::execution::{Execution, Standing};
use super::view::{Mail, View};

/// The account of one run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    pub status: String,
    /// What the master says it did: LOADED, NOTHING_TO_LOAD, ALREADY_LOADED, SKIPPED.
    pub result: Option<String>,
    /// The load's name.
    pub batch_id: String,
    /// The master's execution.
    pub execution_arn: String,
    /// Pipeline time from the first to the last happening.
    pub pipeline_seconds: f64,
    /// Time on the wall.
    pub wall_seconds: f64,
    /// Every execution, the master first.
    pub executions: Vec<ExecutionReport>,
    /// Every table of the pipeline.
    pub tables: Vec<TableReport>,
    /// Every cluster that this run paid for.
    pub clusters: Vec<ClusterReport>,
    /// What was sent.
    pub mails: Vec<Mail>,
    /// How functions fared.
    pub functions: FunctionsReport,
    /// What went wrong.
    pub failure: Option<FailureReport>,
    /// Where things are on this machine.
    pub places: Vec<Place>,
    /// Commands worth trying next.
    pub next: Vec<Suggestion>,
}

/// One execution.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ExecutionReport {
    pub state_machine: String,
    pub name: String,
    pub arn: String,
    pub status: String,
    pub seconds: f64,
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// One table; what is not known is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableReport {
    /// `dimension` or `fact`.
    pub kind: String,
    /// Its name.
    pub table: String,
    /// Rows of this batch's landing files.
    pub staged_rows: Option<u64>,
    /// Those of them that were refused.
    pub rejected_rows: Option<u64>,
    /// Rows of this batch in production.
    pub loaded_rows: Option<u64>,
    /// Rows of all batches in production.
    pub total_rows: Option<u64>,
    /// Its partitions.
    pub partitions: Option<u64>,
    /// Its files.
    pub files: Option<u64>,
    /// Their size.
    pub bytes: Option<u64>,
}

/// One cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterReport {
    /// `j-…`.
    pub id: String,
    /// Its last state.
    pub state: String,
    /// EMR's reason for it.
    pub reason: String,
    /// From the launch to the end.
    pub paid_seconds: f64,
    /// EMR brought it up.
    pub starting_seconds: f64,
    /// At least one step ran.
    pub working_seconds: f64,
    /// It was ready and nothing ran.
    pub idle_seconds: f64,
    /// EMR took it down.
    pub ending_seconds: f64,
    /// Share of the paid time in which EMR started, ran a step or ended: what waits of our own have not wasted.
    pub busy_share: f64,
    /// Share of the paid time in which a step ran.
    pub step_share: f64,
    /// In the order of their submission.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct StepReport {
    pub id: String,
    pub name: String,
    pub state: String,
    pub started: Option<Timestamp>,
    pub seconds: Option<f64>,
    pub rows: Option<u64>,
    pub reason: String,
}

/// How functions fared.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionsReport {
    /// All invocations.
    pub invocations: usize,
    /// Those that failed, retried ones included.
    pub failures: usize,
    /// Those that began a process.
    pub cold_starts: usize,
    /// The longest of these.
    pub slowest_cold_start_millis: Option<u64>,
    /// The most that one process held.
    pub most_memory_bytes: Option<u64>,
}

/// What went wrong, and how to go on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReport {
    /// The state machine in which it began.
    pub state_machine: String,
    /// Its failed state.
    pub state: Option<String>,
    /// The table that the state worked on.
    pub table: Option<String>,
    /// The error's name.
    pub error: String,
    /// Its cause.
    pub cause: String,
    /// Whose log `log_tail` is: `function status_step_emr`, `step fact.transfer load`.
    pub log_of: Option<String>,
    /// The end of that log.
    pub log_tail: Vec<String>,
    /// Where the data is now.
    pub data: Vec<String>,
    /// The command that goes on.
    pub resume: String,
}

/// A folder or file that a user may want to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What is there.
    pub what: String,
    /// Its path.
    pub path: String,
}

/// A command worth trying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The command line.
    pub command: String,
    /// Why.
    pub why: String,
}

impl ExecutionReport {
    /// From the view.
    pub fn of(execution: &Execution, now: Timestamp) -> Self {
        Self {
            state_machine: execution.machine.clone(),
            name: execution.name.clone(),
            arn: execution.arn.clone(),
            status: status(execution.standing).to_owned(),
            seconds: execution
                .ended
                .unwrap_or(now)
                .duration_since(execution.started)
                .as_secs_f64(),
            error: execution.error.clone(),
            cause: execution.cause.clone(),
        }
    }
}

impl ClusterReport {
    /// From the view.
    pub fn of(cluster: &Cluster, now: Timestamp) -> Self {
        let paid = cluster.paid(now);
        let steps = cluster.steps.iter().map(|step| StepReport {
            id: step.id.clone(),
            name: step.name.clone(),
            state: step.state.clone(),
            started: step.started,
            seconds: step.took(now).map(|span| span.as_secs_f64()),
            rows: step.rows,
            reason: step.reason.clone(),
        });
        Self {
            id: cluster.id.clone(),
            state: cluster.state().to_owned(),
            reason: cluster.reason.clone(),
            paid_seconds: paid.total.as_secs_f64(),
            starting_seconds: paid.starting.as_secs_f64(),
            working_seconds: paid.working.as_secs_f64(),
            idle_seconds: paid.idle.as_secs_f64(),
            ending_seconds: paid.ending.as_secs_f64(),
            busy_share: paid.busy_share(),
            step_share: paid.step_share(),
            steps: steps.collect(),
        }
    }
}

impl FunctionsReport {
    /// From the view.
    pub fn of(view: &View) -> Self {
        let functions = &view.functions;
        Self {
            invocations: functions.invocations,
            failures: functions.failures.len(),
            cold_starts: functions.cold_starts,
            slowest_cold_start_millis: functions.slowest_cold_start,
            most_memory_bytes: functions.most_memory,
        }
    }
}

/// AWS's word.
pub fn status(standing: Standing) -> &'static str {
    match standing {
        Standing::Running => "RUNNING",
        Standing::Succeeded => "SUCCEEDED",
        Standing::Failed => "FAILED",
        Standing::TimedOut => "TIMED_OUT",
        Standing::Aborted => "ABORTED",
    }
}
