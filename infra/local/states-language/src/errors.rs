//! Failures of states, and what `Retry` and `Catch` make of them. The execution asks when a state fails.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Text;
use crate::data_flow::SideExit;
use crate::definition::{Diagnostics, Fields, Names};
use crate::machine::StateId;
use crate::random::Random;

pub(crate) const ALL: &str = "States.ALL";
pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
pub(crate) const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str =
    "States.ExceedToleratedFailureThreshold";
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
pub(crate) const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
pub(crate) const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
pub(crate) const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
pub(crate) const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
pub(crate) const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";
pub(crate) const RUNTIME: &str = "States.Runtime";
pub(crate) const TASK_FAILED: &str = "States.TaskFailed";
pub(crate) const TIMEOUT: &str = "States.Timeout";

const LONGEST_DELAY: u64 = 31_622_400;
const MOST_ATTEMPTS: u64 = 99_999_999;

/// Why a state failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: Option<Text>,
    pub(crate) cause: Option<Text>,
}

impl Failure {
    pub(crate) fn new(error: &str, cause: impl Into<Text>) -> Self {
        Self {
            error: Some(error.into()),
            cause: Some(cause.into()),
        }
    }

    /// What a Catch puts into the state's output.
    pub(crate) fn output(&self) -> Value {
        let mut output = Map::new();
        for (name, text) in [("Error", &self.error), ("Cause", &self.cause)] {
            if let Some(text) = text {
                output.insert(name.to_owned(), text.as_str().into());
            }
        }
        Value::Object(output)
    }

    /// Whether it ends the whole execution, whatever Retry and Catch say.
    pub(crate) fn is_runtime(&self) -> bool {
        self.is(RUNTIME)
    }

    fn is(&self, name: &str) -> bool {
        self.error.as_deref() == Some(name)
    }

    /// Whether `ErrorEquals` names the failure. `States.Runtime` is never retried or caught, and the wildcards do not name
    /// `States.DataLimitExceeded`.
    fn matches(&self, error_equals: &[String]) -> bool {
        if self.is(RUNTIME) {
            return false;
        }
        error_equals.iter().any(|name| match name.as_str() {
            ALL => !self.is(DATA_LIMIT_EXCEEDED),
            TASK_FAILED => ![DATA_LIMIT_EXCEEDED, TIMEOUT, HEARTBEAT_TIMEOUT]
                .iter()
                .any(|name| self.is(name)),
            // A missed heartbeat is a timeout too.
            TIMEOUT => self.is(TIMEOUT) || self.is(HEARTBEAT_TIMEOUT),
            name => self.is(name),
        })
    }
}

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    /// The errors that it is for.
    pub error_equals: Vec<String>,
    /// Seconds before the first retry.
    pub interval_seconds: u64,
    /// How often at most; 0 means never.
    pub max_attempts: u64,
    /// By what the interval grows with each retry.
    pub backoff_rate: f64,
    /// The most seconds that the interval grows to.
    pub max_delay_seconds: Option<u64>,
    /// Whether the interval is a random part of what it would be (`JitterStrategy: FULL`).
    pub full_jitter: bool,
}

impl Retrier {
    /// The delay, in milliseconds, before the retry that follows so many others.
    pub(crate) fn delay_milliseconds(&self, retried: u64, random: &mut Random) -> i64 {
        let exponent = i32::try_from(retried).unwrap_or(i32::MAX);
        let mut seconds = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        seconds = seconds.min(self.max_delay_seconds.unwrap_or(LONGEST_DELAY) as f64);
        if self.full_jitter {
            seconds *= random.fraction();
        }
        (seconds * 1000.0).round() as i64
    }
}

/// The retrier for a failure: the first that names it.
pub(crate) fn retrier<'r>(
    retriers: &'r [Retrier],
    failure: &Failure,
) -> Option<(usize, &'r Retrier)> {
    retriers
        .iter()
        .enumerate()
        .find(|(_, retrier)| failure.matches(&retrier.error_equals))
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Catcher {
    /// The errors that it is for.
    pub error_equals: Vec<String>,
    next: StateId,
    pub(crate) exit: SideExit,
}

impl Catcher {
    /// The state that goes on.
    pub fn next(&self) -> StateId {
        self.next
    }

    pub(crate) fn assigned(&self) -> Vec<&str> {
        self.exit.assigned()
    }
}

/// The catcher for a failure: the first that names it.
pub(crate) fn catcher<'c>(catchers: &'c [Catcher], failure: &Failure) -> Option<&'c Catcher> {
    catchers
        .iter()
        .find(|catcher| failure.matches(&catcher.error_equals))
}

pub(crate) fn read_retriers(
    fields: &mut Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Retrier> {
    let location = fields.at("Retry");
    let list = fields.list("Retry", diagnostics).unwrap_or_default();
    let mut retriers = Vec::with_capacity(list.len());
    for (position, value) in list.iter().enumerate() {
        let location = format!("{location}[{position}]");
        let Some(mut fields) = Fields::of(value, &location, diagnostics) else {
            continue;
        };
        fields.text("Comment", diagnostics);
        let error_equals = read_error_equals(&mut fields, position + 1 == list.len(), diagnostics);
        let interval = fields.whole_number("IntervalSeconds", 1..=MOST_ATTEMPTS, diagnostics);
        let attempts = fields.whole_number("MaxAttempts", 0..=MOST_ATTEMPTS, diagnostics);
        let rate = fields.number("BackoffRate", 1.0..=f64::MAX, diagnostics);
        let max_delay_seconds =
            fields.whole_number("MaxDelaySeconds", 1..=LONGEST_DELAY, diagnostics);
        let jitter = fields.text("JitterStrategy", diagnostics);
        if !matches!(jitter, None | Some("FULL" | "NONE")) {
            diagnostics.error(
                fields.at("JitterStrategy"),
                "The field 'JitterStrategy' should have one of these values: [FULL, NONE]",
            );
        }
        if max_delay_seconds.is_some_and(|most| most <= interval.unwrap_or(1)) {
            diagnostics.error(
                fields.at("MaxDelaySeconds"),
                "MaxDelaySeconds must be greater than IntervalSeconds",
            );
        }
        fields.finish(diagnostics);
        retriers.push(Retrier {
            error_equals,
            interval_seconds: interval.unwrap_or(1),
            max_attempts: attempts.unwrap_or(3),
            backoff_rate: rate.unwrap_or(2.0),
            max_delay_seconds,
            full_jitter: jitter == Some("FULL"),
        });
    }
    retriers
}

pub(crate) fn read_catchers(
    fields: &mut Fields<'_>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Catcher> {
    let list = fields.list("Catch", diagnostics).unwrap_or_default();
    let mut catchers = Vec::with_capacity(list.len());
    for (position, value) in list.iter().enumerate() {
        let Some(mut fields) = fields.item("Catch", position, value, diagnostics) else {
            continue;
        };
        fields.text("Comment", diagnostics);
        fields.require(&["Next"], diagnostics);
        let error_equals = read_error_equals(&mut fields, position + 1 == list.len(), diagnostics);
        let next = fields.next("Next", names, diagnostics);
        let exit = SideExit::of_catcher(&mut fields, diagnostics);
        fields.finish(diagnostics);
        catchers.extend(next.map(|next| Catcher {
            error_equals,
            next,
            exit,
        }));
    }
    catchers
}

fn read_error_equals(
    fields: &mut Fields<'_>,
    is_last: bool,
    diagnostics: &mut Diagnostics,
) -> Vec<String> {
    fields.require(&["ErrorEquals"], diagnostics);
    let location = fields.at("ErrorEquals");
    let list = fields.list("ErrorEquals", diagnostics);
    let Some(list) = list else {
        return Vec::new();
    };
    if list.is_empty() {
        diagnostics.error(location.as_str(), "Value cannot be empty");
    }
    let mut names = Vec::with_capacity(list.len());
    for value in list {
        match value.as_str() {
            Some(name) => names.push(name.to_owned()),
            None => diagnostics.error(location.as_str(), "Expected value of type String"),
        }
    }
    if names.iter().any(|name| name == ALL) && (names.len() > 1 || !is_last) {
        diagnostics.error(
            location,
            "'States.ALL' must appear alone and in the last entry",
        );
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error: &str) -> Failure {
        Failure::new(error, "cause")
    }

    fn names(error: &str, error_equals: &str) -> bool {
        failure(error).matches(&[error_equals.to_owned()])
    }

    #[test]
    fn never_matches_a_runtime_error() {
        for wanted in [ALL, TASK_FAILED, RUNTIME] {
            assert!(!names(RUNTIME, wanted), "{wanted}");
        }
    }

    #[test]
    fn matches_exceeded_data_limits_by_name_only() {
        assert!(!names(DATA_LIMIT_EXCEEDED, ALL));
        assert!(!names(DATA_LIMIT_EXCEEDED, TASK_FAILED));
        assert!(names(DATA_LIMIT_EXCEEDED, DATA_LIMIT_EXCEEDED));
    }

    #[test]
    fn matches_anything_but_timeouts_as_a_failed_task() {
        assert!(names("ClusterGone", TASK_FAILED));
        assert!(!names(TIMEOUT, TASK_FAILED));
        assert!(names(TIMEOUT, ALL));
        assert!(!names("ClusterGone", "Cluster"));
    }

    #[test]
    fn matches_a_missed_heartbeat_under_both_names() {
        assert!(names(HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT));
        assert!(names(HEARTBEAT_TIMEOUT, TIMEOUT));
        assert!(!names(HEARTBEAT_TIMEOUT, TASK_FAILED));
        assert!(!names(TIMEOUT, HEARTBEAT_TIMEOUT));
    }

    #[test]
    fn grows_the_delay_up_to_its_limit_and_jitters_it() {
        let mut retrier = Retrier {
            error_equals: Vec::new(),
            interval_seconds: 3,
            max_attempts: 9,
            backoff_rate: 1.5,
            max_delay_seconds: Some(5),
            full_jitter: false,
        };
        let mut random = Random::new(1);
        let delays: Vec<i64> = (0..4)
            .map(|retried| retrier.delay_milliseconds(retried, &mut random))
            .collect();
        assert_eq!(delays, [3000, 4500, 5000, 5000]);
        retrier.full_jitter = true;
        let jittered: Vec<i64> = (0..20)
            .map(|_| retrier.delay_milliseconds(0, &mut random))
            .collect();
        assert!(jittered.iter().all(|delay| (0..=3000).contains(delay)));
        assert!(jittered.iter().any(|delay| *delay < 3000));
    }
}
