//! A run of a distributed Map state: what DescribeMapRun shows of it, and what its execution keeps while it lasts. The
//! interpreter changes it; the `states` service reads it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::StateId;

/// How a Map run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MapRunStatus {
    /// Items are read, children run, or results are written.
    Running,
    /// All done; what failed was tolerated.
    Succeeded,
    /// Too much failed, or items or results could not be read or written.
    Failed,
    /// Its execution ended before it.
    Aborted,
}

impl MapRunStatus {
    /// The word that the API has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// What UpdateMapRun can change. `None`: as the definition leaves it, which reads as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MapRunLimits {
    /// Child executions at a time; 0 means as many as AWS allows.
    pub max_concurrency: u64,
    /// How many items may fail.
    pub tolerated_failure_count: Option<u64>,
    /// Which part of all items may fail, in percent.
    pub tolerated_failure_percentage: Option<f64>,
}

/// How many items, or child executions, stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRunCounts {
    /// Not begun.
    pub pending: u64,
    /// Under way.
    pub running: u64,
    /// Done.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Ended by a timeout.
    pub timed_out: u64,
    /// Stopped.
    pub aborted: u64,
    /// All of them.
    pub total: u64,
    /// Whose results the result writer has written.
    pub results_written: u64,
    /// Failed for good: AWS counts what a redrive cannot take up again.
    pub failures_not_redrivable: u64,
    /// Waiting to be redriven.
    pub pending_redrive: u64,
}

/// A run of a distributed Map state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// `arn:…:mapRun:<machine>/<label>:<uuid>`.
    pub arn: String,
    /// The state's `Label`, or a UUID.
    pub label: String,
    /// The Map state.
    pub state: StateId,
    /// How it stands.
    pub status: MapRunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its limits.
    pub limits: MapRunLimits,
    /// Its items; of a batch, each.
    pub item_counts: MapRunCounts,
    /// Its child executions.
    pub execution_counts: MapRunCounts,
    /// How often it has been redriven.
    #[serde(default)]
    pub redrive_count: u64,
    /// When it was last redriven.
    #[serde(default)]
    pub redriven_at: Option<Timestamp>,
}

impl MapRun {
    /// Counts one child, and the items in it.
    pub(crate) fn count(&mut self, items: u64, change: impl Fn(&mut MapRunCounts, u64)) {
        change(&mut self.item_counts, items);
        change(&mut self.execution_counts, 1);
    }

    /// Whether more has failed than is tolerated. Without any limit nothing is.
    pub(crate) fn exceeds_tolerance(&self) -> bool {
        let failed = self.item_counts.failed + self.item_counts.timed_out;
        let limits = &self.limits;
        if limits.tolerated_failure_count.is_none() && limits.tolerated_failure_percentage.is_none()
        {
            return failed > 0;
        }
        let by_count = limits
            .tolerated_failure_count
            .is_some_and(|most| failed > most);
        let total = self.item_counts.total.max(1);
        let by_percentage = limits
            .tolerated_failure_percentage
            .is_some_and(|most| failed as f64 * 100.0 / total as f64 > most);
        by_count || by_percentage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(failed: u64, count: Option<u64>, percentage: Option<f64>) -> MapRun {
        let counts = MapRunCounts {
            failed,
            total: 10,
            ..MapRunCounts::default()
        };
        MapRun {
            arn: String::new(),
            label: String::new(),
            state: StateId(0),
            status: MapRunStatus::Running,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            limits: MapRunLimits {
                max_concurrency: 0,
                tolerated_failure_count: count,
                tolerated_failure_percentage: percentage,
            },
            item_counts: counts,
            execution_counts: counts,
            redrive_count: 0,
            redriven_at: None,
        }
    }

    #[test]
    fn tolerates_no_failure_unless_it_is_told_to() {
        assert!(run(1, None, None).exceeds_tolerance());
        assert!(!run(0, None, None).exceeds_tolerance());
    }

    #[test]
    fn is_over_as_soon_as_either_threshold_is_passed() {
        assert!(!run(2, Some(2), None).exceeds_tolerance());
        assert!(run(3, Some(2), None).exceeds_tolerance());
        assert!(!run(3, None, Some(30.0)).exceeds_tolerance());
        assert!(run(4, None, Some(30.0)).exceeds_tolerance());
        assert!(run(3, Some(9), Some(20.0)).exceeds_tolerance());
    }
}
