//! Stands where cluster steps are run, and refuses each by name.

use async_trait::async_trait;
use aws_services::{StepFailure, StepOutcome, StepProgressSink, StepRequest, StepRunner};

/// Runs no step.
pub(crate) struct NoSteps;

#[async_trait]
impl StepRunner for NoSteps {
    async fn run(&self, step: StepRequest, _progress: StepProgressSink) -> StepOutcome {
        let message = format!("no command can be run: {}", step.args.join(" "));
        StepOutcome {
            exit_code: 1,
            log_tail: message.clone(),
            failure: Some(StepFailure {
                reason: "Unknown Error.".to_owned(),
                message,
            }),
        }
    }
}
