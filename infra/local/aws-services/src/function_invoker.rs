//! What the Lambda API and Step Functions ask of whoever runs functions. The embedded runtime implements it over its
//! function host; simulations implement it by calling handlers in the same process.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use virtual_time::Work;

/// One invocation of a function, synchronous.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's name, without ARN or qualifier.
    pub function_name: String,
    /// The alias or version that was asked for; none means `$LATEST`.
    pub qualifier: Option<String>,
    /// The event: JSON text.
    pub payload: Bytes,
    /// The caller's client context, as base64 text, passed on untouched.
    pub client_context: Option<String>,
}

/// What the function's code itself reported as its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// `errorType` of the payload, such as `ClusterGone` or `Sandbox.Timedout`.
    pub error_type: String,
    /// `errorMessage` of the payload.
    pub error_message: String,
    /// `Handled` or `Unhandled`, as `X-Amz-Function-Error` has it.
    pub handling: &'static str,
}

/// The end of an invocation that reached the function.
#[derive(Debug, Clone, Default)]
pub struct InvocationOutcome {
    /// The function's answer; for an error, the error document `{"errorType", "errorMessage", …}`.
    pub payload: Bytes,
    /// Set when the function failed.
    pub error: Option<FunctionError>,
    /// The invocation's request id.
    pub request_id: String,
    /// The version that ran, `$LATEST` or a number.
    pub executed_version: String,
    /// The end of the function's log, at most 4 KiB, plain text.
    pub log_tail: String,
    /// How long the handler ran, in pipeline time.
    pub duration: Duration,
    /// How long a cold start took, when this was one.
    pub init_duration: Option<Duration>,
    /// The most memory that the process held so far.
    pub max_memory_bytes: Option<u64>,
}

/// Why an invocation never reached the function.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvokeError {
    /// There is no such function, or no such version or alias of it.
    #[error("function not found: {0}")]
    NotFound(String),
    /// Concurrency is exhausted.
    #[error("rate exceeded: {0}")]
    TooManyRequests(String),
    /// The event is not JSON or too large.
    #[error("invalid invocation: {0}")]
    Invalid(String),
    /// The service itself failed; nobody knows whether the function ran.
    #[error("{0}")]
    Service(String),
}

/// Whose guard an invocation runs under. The invoker takes it, lets go while the function waits for an answer that never
/// comes, so that time can reach a timeout, and leaves a guard here when it is done. The caller holds no other.
pub type Custody = Option<Work>;

/// Runs functions.
#[async_trait]
pub trait FunctionInvoker: Send + Sync + 'static {
    /// Runs the function to its end. Dropping the future abandons the invocation.
    async fn invoke(
        &self,
        invocation: Invocation,
        custody: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError>;
}
