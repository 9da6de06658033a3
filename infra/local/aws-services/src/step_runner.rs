//! What EMR asks of whoever runs a cluster's steps. The embedded runtime implements it with its step commands.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

/// One step, at the moment when its cluster starts it.
#[derive(Debug, Clone, Serialize)]
pub struct StepRequest {
    /// `j-…`.
    pub cluster_id: String,
    /// The cluster's name.
    pub cluster_name: String,
    /// `s-…`.
    pub step_id: String,
    /// The step's name as it was submitted.
    pub name: String,
    /// `command-runner.jar`, or whatever else was submitted.
    pub jar: String,
    /// The main class that was submitted, if any.
    pub main_class: Option<String>,
    /// The command and its arguments, unsplit.
    pub args: Vec<String>,
    /// The step's Java properties, in their order.
    pub properties: Vec<(String, String)>,
    /// Where the step's `stdout`, `stderr` and `controller` files belong; exists.
    pub log_directory: PathBuf,
}

/// A sign of life from a running step.
#[derive(Debug, Clone, Serialize)]
pub struct StepProgress {
    /// One line for the user, such as `Loading data to table fact_db.card_transaction`.
    pub message: String,
    /// Rows written so far, when the command counts them.
    pub rows: Option<u64>,
}

/// Why a step failed, in the words of EMR's `FailureDetails`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepFailure {
    /// Such as `Unknown Error.` or the kind of failure.
    pub reason: String,
    /// The message that a user should read first.
    pub message: String,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepOutcome {
    /// 0 for success.
    pub exit_code: i32,
    /// Set when the step failed.
    pub failure: Option<StepFailure>,
    /// The end of the step's log.
    pub log_tail: String,
}

impl StepOutcome {
    /// Whether the step is to be shown as COMPLETED.
    pub fn succeeded(&self) -> bool {
        self.exit_code == 0 && self.failure.is_none()
    }
}

/// Where a running step reports its progress.
pub type StepProgressSink = Arc<dyn Fn(StepProgress) + Send + Sync>;

/// Runs the commands of steps. EMR holds a `Work` guard while the future runs, and drops the future when the step is
/// cancelled or its cluster goes away: what the command has started must then end with it.
#[async_trait]
pub trait StepRunner: Send + Sync + 'static {
    /// Runs the step's command to its end; a command that is not supported fails by name.
    async fn run(&self, step: StepRequest, progress: StepProgressSink) -> StepOutcome;
}
