//! Why a step's command failed.

use aws_services::StepFailure;

/// A command that failed: its exit code and what to read first.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct CommandFailure {
    pub(super) exit_code: i32,
    pub(super) message: String,
}

impl CommandFailure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            exit_code: 1,
            message: message.into(),
        }
    }

    pub(super) fn with_exit_code(mut self, exit_code: i32) -> Self {
        self.exit_code = exit_code;
        self
    }

    /// In the words of EMR's FailureDetails: EMR knows reasons for few failures of its own.
    pub(super) fn details(&self) -> StepFailure {
        StepFailure {
            reason: "Unknown Error.".to_owned(),
            message: self.message.clone(),
        }
    }
}
