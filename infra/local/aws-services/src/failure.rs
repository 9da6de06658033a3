//! Errors: those that a service answers, under AWS's names, and those that keep the services from starting.

use std::path::PathBuf;

use http::StatusCode;
use serde_json::{Map, Value};

/// An error that a service answers. Each protocol writes it in its own form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// AWS's name for it, such as `ExecutionDoesNotExist`.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// The HTTP status of the answer; 5xx is the service's fault, 4xx the caller's.
    pub status: StatusCode,
    /// Further members of the error document, such as `reason`.
    pub details: Map<String, Value>,
}

impl ServiceError {
    /// A caller's error, status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: StatusCode::BAD_REQUEST,
            details: Map::new(),
        }
    }

    /// The same error under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The service itself failed: a full or read-only disk, for one.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalServerError", message).with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// An action that AWS has and this runtime does not.
    pub fn unsupported_action(service: &str, action: &str) -> Self {
        Self::new(
            "UnsupportedOperation",
            format!("the local runtime does not support {service}:{action}"),
        )
    }

    /// A parameter that AWS has and this runtime does not.
    pub fn unsupported_parameter(action: &str, parameter: &str) -> Self {
        Self::validation(format!(
            "the local runtime does not support the parameter {parameter} of {action}"
        ))
    }
}

/// Why the services could not start, or could not keep their state.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or folder could not be read or written.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A state file is not what it should be.
    #[error("state file {path} is damaged: {source}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Anything else that a service needs and lacks.
    #[error("{service} cannot start: {message}")]
    Service {
        /// Which service.
        service: &'static str,
        /// What it says.
        message: String,
    },
}

impl From<StartError> for ServiceError {
    fn from(error: StartError) -> Self {
        ServiceError::internal(error.to_string())
    }
}
