//! What became of a task's call, in Step Functions' words: errors under the names that AWS gives them, and the arrivals that
//! tell the execution. `tasks` calls it.

use serde_json::Value;
use states_language::{Arrival, TaskId};

use crate::context::CallFailure;
use crate::failure::ServiceError;
use crate::function_invoker::InvocationOutcome;

/// A failure as a state machine sees it.
pub(super) struct TaskFailure {
    pub(super) error: String,
    pub(super) cause: String,
}

/// What became of a call: an answer, a failure, or never anything.
pub(super) type Outcome = Result<Value, TaskFailure>;
/// `None` when there never will be an answer.
pub(super) fn answered<T>(
    prefix: &str,
    result: Result<T, CallFailure>,
    request_id: &str,
) -> Option<Result<T, TaskFailure>> {
    match result {
        Ok(value) => Some(Ok(value)),
        Err(CallFailure::Answered(error)) => Some(Err(failure_of(prefix, error, request_id))),
        Err(CallFailure::ConnectionLost) => Some(Err(TaskFailure {
            error: format!("{prefix}.SdkClientException"),
            cause: "Unable to execute HTTP request: the connection was lost before a response"
                .to_owned(),
        })),
        Err(CallFailure::Hang) => None,
    }
}

/// An error of a service under the name that Step Functions gives it: `S3.NoSuchKeyException`.
pub(super) fn failure_of(prefix: &str, error: ServiceError, request_id: &str) -> TaskFailure {
    let status = error.status.as_u16();
    let code = match error.code.as_str() {
        // The SDK has classes for these errors of S3 and calls the others after the service.
        code @ ("NoSuchKey"
        | "NoSuchBucket"
        | "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "InvalidObjectState") => code,
        _ if prefix == "S3" => "S3",
        // It has a class for none of its errors.
        _ if prefix == "Ec2" => "Ec2",
        code @ ("InvalidRequestException" | "InternalServerException") => code,
        _ if prefix == "ElasticMapReduce" => "AmazonElasticMapReduce",
        other => other,
    };
    let suffix = if code.ends_with("Exception") {
        ""
    } else {
        "Exception"
    };
    let from = match prefix {
        "ElasticMapReduce" | "Lambda" | "SNS" | "SQS" | "StepFunctions" => {
            let service = match prefix {
                "Lambda" => "AWSLambda",
                "ElasticMapReduce" => "AmazonElasticMapReduce",
                "SNS" => "AmazonSNS",
                "SQS" => "AmazonSQS",
                _ => "AWSStepFunctions",
            };
            format!(
                "(Service: {service}; Status Code: {status}; Error Code: {}; Request ID: {request_id}; Proxy: null)",
                error.code
            )
        }
        "S3" => format!(
            "(Service: S3, Status Code: {status}, Request ID: {request_id}, Extended Request ID: {request_id}) (SDK Attempt Count: 1)"
        ),
        _ => format!(
            "(Service: {prefix}, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
        ),
    };
    // The bucket and the key are in the parameters, which the history shows; AWS does not name them here.
    let message = match (prefix, error.code.as_str()) {
        ("S3", "NoSuchKey") => "The specified key does not exist.",
        ("S3", "NoSuchBucket") => "The specified bucket does not exist",
        _ => &error.message,
    };
    TaskFailure {
        error: format!("{prefix}.{code}{suffix}"),
        cause: format!("{message} {from}"),
    }
}

/// A function's answer; its own error goes by its `errorType`, with the error document as cause.
pub(super) fn result_of(outcome: InvocationOutcome) -> Outcome {
    match outcome.error {
        Some(error) if error.error_type.is_empty() => Err(TaskFailure {
            error: "Lambda.Unknown".to_owned(),
            cause: format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {}",
                String::from_utf8_lossy(&outcome.payload)
            ),
        }),
        Some(error) => Err(TaskFailure {
            error: error.error_type,
            cause: String::from_utf8_lossy(&outcome.payload).into_owned(),
        }),
        None if outcome.payload.is_empty() => Ok(Value::Null),
        None => serde_json::from_slice(&outcome.payload).map_err(|error| TaskFailure {
            error: "Lambda.Unknown".to_owned(),
            cause: format!("the function answered with something that is not JSON: {error}"),
        }),
    }
}

pub(super) fn arrival(task: TaskId, outcome: Outcome) -> Arrival {
    match outcome {
        Ok(output) => Arrival::TaskSucceeded { task, output },
        Err(failure) => Arrival::TaskFailed {
            task,
            error: Some(failure.error),
            cause: Some(failure.cause),
        },
    }
}

pub(super) fn submit_failed(task: TaskId, failure: TaskFailure) -> Arrival {
    Arrival::TaskSubmitFailed {
        task,
        error: Some(failure.error),
        cause: Some(failure.cause),
    }
}
