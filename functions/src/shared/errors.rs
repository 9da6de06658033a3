//! Every `errorType` that a function can end with, in one place: the state machines match these strings in `Retry` and
//! `Catch`, so they are public API. Also the classification of SDK errors into them.

use std::fmt;

use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};

macro_rules! error_types {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// The type of a function's failure. [`ErrorType::as_str`] is the `errorType` that Lambda reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorType {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorType {
            /// All of them, for tests that hold state machines and functions together.
            pub const ALL: &[ErrorType] = &[$(ErrorType::$name,)+];

            /// The `errorType` string.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(ErrorType::$name => stringify!($name),)+
                }
            }
        }
    };
}

error_types! {
    /// A field of the event is missing, of the wrong type or of the wrong form.
    InvalidInput,
    /// An environment variable of the function is not set.
    EnvironmentMissing,
    /// The bucket or the key of config.ini does not exist.
    ConfigMissing,
    /// config.ini has problems; the message lists all of them.
    ConfigInvalid,
    /// There is no such cluster in this account and region.
    ClusterNotFound,
    /// The cluster exists, but is terminating or has ended.
    ClusterGone,
    /// The cluster does not belong to this pipeline, and is left alone.
    ForeignCluster,
    /// The cluster does not have exactly one fleet of workers that could be resized.
    WorkerFleetUnclear,
    /// There is no such step on the cluster.
    StepNotFound,
    /// The cluster has as many unfinished steps as EMR allows.
    TooManySteps,
    /// There is no such state machine.
    StateMachineNotFound,
    /// There is no such execution, also after asking again.
    ExecutionNotFound,
    /// The state-info document or its bucket does not exist.
    StateInfoMissing,
    /// The state-info document cannot be read as one.
    StateInfoInvalid,
    /// Another run holds the state-info document; the message names it.
    StateInfoConflict,
    /// There is no such topic.
    TopicNotFound,
    /// A call that must not be repeated blindly got no answer; invoking again looks for its effect first.
    OutcomeUnknown,
    /// The service asks to be called less often; ask again later.
    Throttled,
    /// The service failed or did not answer; ask again later.
    ServiceUnavailable,
    /// The function's role does not allow an action; the message names it.
    AccessDenied,
    /// The service refused the call for another reason; the message has its code.
    ServiceError,
    /// The binary has no handler of this name.
    UnknownHandler,
}

impl fmt::Display for ErrorType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An error that knows its [`ErrorType`].
pub trait Typed: std::error::Error {
    /// The type under which the state machines see it.
    fn error_type(&self) -> ErrorType;
}

/// What a caller sees of a failed function, on Lambda as in process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct FunctionFailure {
    /// The type that `Retry` and `Catch` match.
    pub error_type: ErrorType,
    /// A sentence for people.
    pub message: String,
}

impl<E: Typed> From<E> for FunctionFailure {
    fn from(error: E) -> Self {
        Self {
            error_type: error.error_type(),
            message: error.to_string(),
        }
    }
}

impl From<FunctionFailure> for lambda_runtime::Diagnostic {
    fn from(failure: FunctionFailure) -> Self {
        Self {
            error_type: failure.error_type.as_str().to_owned(),
            error_message: failure.message,
        }
    }
}

/// A service call that failed, with what it means for the caller.
#[derive(Debug, thiserror::Error)]
#[error("{action} on {subject}: {detail}")]
pub struct CallError {
    action: &'static str,
    subject: String,
    detail: String,
    error_type: ErrorType,
    code: Option<String>,
    status: Option<u16>,
    outcome_unknown: bool,
    source: BoxError,
}

impl CallError {
    /// Classifies an SDK error. `action` is the IAM action, `subject` what was acted on.
    pub(crate) fn new<E>(
        action: &'static str,
        subject: impl fmt::Display,
        error: SdkError<E>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let code = error.code().map(str::to_owned);
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        let answered = matches!(error, SdkError::ServiceError(_));
        let sent = !matches!(error, SdkError::ConstructionFailure(_));
        let error_type = classify(code.as_deref(), status, answered, sent);
        let detail = match (&error, error.message()) {
            (SdkError::ServiceError(_), Some(message)) => match &code {
                Some(code) => format!("{code}: {message}"),
                None => message.to_owned(),
            },
            (SdkError::ServiceError(_), None) => match (&code, status) {
                (Some(code), _) => code.clone(),
                (None, Some(status)) => format!("status {status}"),
                (None, None) => "refused".to_owned(),
            },
            (SdkError::TimeoutError(_), _) => "no answer in time".to_owned(),
            (SdkError::ConstructionFailure(_), _) => "the request could not be built".to_owned(),
            _ => "no answer".to_owned(),
        };
        Self {
            action,
            subject: subject.to_string(),
            detail,
            error_type,
            code,
            status,
            outcome_unknown: sent && error_type == ErrorType::ServiceUnavailable,
            source: Box::new(error),
        }
    }

    /// A response that lacks what its service always sends.
    pub(crate) fn incomplete(
        action: &'static str,
        subject: impl fmt::Display,
        lacking: &str,
    ) -> Self {
        Self {
            action,
            subject: subject.to_string(),
            detail: format!("the answer has no {lacking}"),
            error_type: ErrorType::ServiceUnavailable,
            code: None,
            status: None,
            outcome_unknown: true,
            source: lacking.into(),
        }
    }

    /// The service's own code, such as `InvalidRequestException`.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The HTTP status of the answer, if there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the service said, or what became of the call.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the call may have taken effect although it failed.
    pub(crate) fn outcome_is_unknown(&self) -> bool {
        self.outcome_unknown
    }

    /// Whether the service only asks to be called less often.
    pub(crate) fn is_throttling(&self) -> bool {
        self.error_type == ErrorType::Throttled
    }

    /// Whether the service understood the request and refuses it as wrong, as EMR does for an id that it does not know.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self.code(),
            Some(
                "InvalidRequestException"
                    | "ValidationException"
                    | "InvalidRequest"
                    | "ValidationError"
            )
        )
    }
}

impl Typed for CallError {
    fn error_type(&self) -> ErrorType {
        self.error_type
    }
}

fn classify(code: Option<&str>, status: Option<u16>, answered: bool, sent: bool) -> ErrorType {
    if !answered {
        return if sent {
            ErrorType::ServiceUnavailable
        } else {
            ErrorType::ServiceError
        };
    }
    match code {
        Some(
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "Throttled"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "BandwidthLimitExceeded"
            | "ExecutionLimitExceeded"
            | "KMSThrottlingException"
            | "KmsThrottlingException",
        ) => ErrorType::Throttled,
        Some(
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "AuthorizationErrorException"
            | "UnauthorizedOperation"
            | "NotAuthorized"
            | "KmsAccessDeniedException"
            | "KMSAccessDeniedException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException",
        ) => ErrorType::AccessDenied,
        Some(
            "InternalServerError"
            | "InternalServerException"
            | "InternalFailure"
            | "InternalError"
            | "InternalErrorException"
            | "ServiceUnavailable"
            | "RequestTimeout",
        ) => ErrorType::ServiceUnavailable,
        _ => match status {
            Some(429) => ErrorType::Throttled,
            Some(403) => ErrorType::AccessDenied,
            Some(500..) => ErrorType::ServiceUnavailable,
            _ => ErrorType::ServiceError,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_an_answer_may_have_taken_effect() {
        assert_eq!(
            classify(None, None, false, true),
            ErrorType::ServiceUnavailable
        );
        assert_eq!(
            classify(None, Some(503), true, true),
            ErrorType::ServiceUnavailable
        );
    }

    #[test]
    fn throttling_is_told_apart_from_failure_and_denial() {
        assert_eq!(
            classify(Some("ThrottlingException"), Some(400), true, true),
            ErrorType::Throttled
        );
        assert_eq!(
            classify(Some("SlowDown"), Some(503), true, true),
            ErrorType::Throttled
        );
        assert_eq!(
            classify(Some("AccessDenied"), Some(403), true, true),
            ErrorType::AccessDenied
        );
        assert_eq!(
            classify(Some("MalformedPolicy"), Some(400), true, true),
            ErrorType::ServiceError
        );
    }

    #[test]
    fn lambda_reports_exactly_the_error_type() {
        let failure = FunctionFailure {
            error_type: ErrorType::StateInfoConflict,
            message: "held by another run".to_owned(),
        };
        let diagnostic = lambda_runtime::Diagnostic::from(failure);
        assert_eq!(
            serde_json::to_value(diagnostic).unwrap(),
            serde_json::json!({"errorType": "StateInfoConflict", "errorMessage": "held by another run"})
        );
    }

    #[test]
    fn no_two_types_share_a_name() {
        let names: std::collections::BTreeSet<_> =
            ErrorType::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), ErrorType::ALL.len());
    }
}
