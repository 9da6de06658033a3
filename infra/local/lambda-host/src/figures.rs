//! What the host has measured of each function: read by the summary of a run and by benchmarks.

use std::time::Duration;

use serde::Serialize;

/// Measurements of one function since the host was started.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FunctionFigures {
    /// The function's name.
    pub function: String,
    /// Invocations that ended, failed ones included.
    pub invocations: u64,
    /// Invocations that failed.
    pub errors: u64,
    /// Invocations that were refused because too many ran.
    pub throttles: u64,
    /// Real time from starting a process to its first request for work, one per cold start, in the order of the starts.
    pub cold_starts: Vec<Duration>,
    /// The largest resident memory that any of its processes had, in bytes, where the system tells it.
    pub peak_memory_bytes: Option<u64>,
    /// Pipeline time spent in invocations.
    pub busy: Duration,
    /// The longest invocation, in pipeline time.
    pub longest: Duration,
}

impl FunctionFigures {
    pub(crate) fn named(function: &str) -> Self {
        Self {
            function: function.to_owned(),
            ..Self::default()
        }
    }
}
