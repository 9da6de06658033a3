//! What a function is, what an invocation asks for and what it brings. Shared by the host and its callers.

use std::time::Duration;

use bytes::Bytes;
use virtual_time::Work;

/// Lambda's limit for the payload of a synchronous call, both ways.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// How much of a log `Invoke` returns with `LogType: Tail`.
pub const LOG_TAIL_BYTES: usize = 4096;

/// A registered function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// The function's name, without an alias.
    pub name: String,
    /// `Handler` of the template, which the process sees as `_HANDLER`.
    pub handler: String,
    /// What `AWS_LAMBDA_FUNCTION_VERSION` says: `$LATEST` or a number.
    pub version: String,
    /// The function's own environment variables.
    pub environment: Vec<(String, String)>,
    /// After this much pipeline time an invocation is killed.
    pub timeout: Duration,
    /// In MiB. Reported, not enforced.
    pub memory_mib: u32,
    /// How many invocations may run at once; more are throttled.
    pub concurrency_limit: usize,
}

/// One call of a function.
#[derive(Debug)]
pub struct Invocation {
    /// The function's name, without an alias.
    pub function: String,
    /// The ARN that was called, with its alias if there was one; the process sees it in its context.
    pub invoked_arn: String,
    /// The event, JSON.
    pub payload: Bytes,
    /// Anything that the caller wants to hear again when it asks who made a call; may be empty.
    pub label: String,
    /// Custody of the work: the host holds it for the life of the invocation and gives it back with the [`Outcome`]. It is
    /// let go while the function waits for an answer that never comes.
    pub work: Work,
}

/// What became of an invocation that reached its function.
#[derive(Debug)]
pub struct Outcome {
    /// Lambda's id of this invocation, a UUID.
    pub request_id: String,
    /// The function's answer, or the error document `{"errorType", "errorMessage", …}`.
    pub payload: Bytes,
    /// The error, when the function or its process failed.
    pub error: Option<FunctionError>,
    /// All that was printed during the invocation, with START, END and REPORT.
    pub log: String,
    /// Pipeline time from the delivery of the event to the end.
    pub duration: Duration,
    /// The duration that would be paid for: whole milliseconds, cold start included.
    pub billed_duration: Duration,
    /// Real time from starting the process to its first request for work; `None` when the environment was warm.
    pub init_duration: Option<Duration>,
    /// The peak resident memory of the process in bytes, where the system tells it.
    pub max_memory_bytes: Option<u64>,
    /// The processor time that the process has used since it was started, where the system tells it.
    pub processor_time: Option<Duration>,
}

impl Outcome {
    /// The last 4 KiB of the log, cut at a line if there is one.
    pub fn log_tail(&self) -> &str {
        let log = self.log.as_str();
        if log.len() <= LOG_TAIL_BYTES {
            return log;
        }
        let mut from = log.len() - LOG_TAIL_BYTES;
        while !log.is_char_boundary(from) {
            from += 1;
        }
        let tail = &log[from..];
        tail.find('\n').map_or(tail, |end| &tail[end + 1..])
    }
}

/// Why a function failed, in the words that a state machine matches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// `errorType`: the function's own, or `Runtime.ExitError`, `Sandbox.Timedout`, ….
    pub error_type: String,
    /// `errorMessage`.
    pub error_message: String,
}

/// Why an invocation did not reach its function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// No function of that name was registered.
    #[error("function {function} does not exist")]
    UnknownFunction {
        /// The name that was asked for.
        function: String,
    },
    /// As many invocations run as may.
    #[error("rate exceeded: function {function} already runs {limit} invocations at once")]
    TooManyRequests {
        /// The function.
        function: String,
        /// Its limit.
        limit: usize,
    },
    /// The event is larger than Lambda takes.
    #[error(
        "the event for function {function} has {bytes} bytes; at most {PAYLOAD_LIMIT} are allowed"
    )]
    RequestTooLarge {
        /// The function.
        function: String,
        /// The size of the event.
        bytes: usize,
    },
    /// The host is being shut down.
    #[error("the function host is shutting down; {function} was not invoked")]
    ShuttingDown {
        /// The function.
        function: String,
    },
}
