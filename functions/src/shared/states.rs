//! What EMR's states mean for a run, as one table: which are alive, which are over, and which count as success. A state that
//! this version does not know is still going on; the caller's deadline ends it.

/// What a cluster's state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterPhase {
    /// Not ready for steps yet.
    Starting,
    /// Takes steps.
    Started,
    /// On its way out, but still there.
    Ending,
    /// Really gone.
    Ended,
}

/// The states in which a cluster is or becomes usable: what the guards and adoption look for.
pub(crate) const ACTIVE_CLUSTER_STATES: [&str; 4] =
    ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"];

pub(crate) fn cluster_phase(state: &str) -> ClusterPhase {
    match state {
        "RUNNING" | "WAITING" => ClusterPhase::Started,
        "TERMINATING" => ClusterPhase::Ending,
        "TERMINATED" | "TERMINATED_WITH_ERRORS" => ClusterPhase::Ended,
        _ => ClusterPhase::Starting,
    }
}

/// What a step's state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepPhase {
    /// Waits or runs; a cancellation that is pending may still be overtaken by completion.
    Unfinished,
    /// Did its work.
    Succeeded,
    /// Ended without having done its work.
    Failed,
}

pub(crate) fn step_phase(state: &str) -> StepPhase {
    match state {
        "COMPLETED" => StepPhase::Succeeded,
        "FAILED" | "CANCELLED" | "INTERRUPTED" => StepPhase::Failed,
        _ => StepPhase::Unfinished,
    }
}

/// Whether a fleet in this state can never reach its target.
pub(crate) fn fleet_is_lost(state: &str) -> bool {
    matches!(
        state,
        "SUSPENDED" | "ARRESTED" | "TERMINATING" | "TERMINATED"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_and_cancelled_steps_are_failures_and_unknown_states_go_on() {
        for state in ["FAILED", "CANCELLED", "INTERRUPTED"] {
            assert_eq!(step_phase(state), StepPhase::Failed);
        }
        for state in ["PENDING", "RUNNING", "CANCEL_PENDING", "SOMETHING_NEW"] {
            assert_eq!(step_phase(state), StepPhase::Unfinished);
        }
        assert_eq!(cluster_phase("SOMETHING_NEW"), ClusterPhase::Starting);
    }

    #[test]
    fn every_active_cluster_state_is_starting_or_started() {
        for state in ACTIVE_CLUSTER_STATES {
            assert!(matches!(
                cluster_phase(state),
                ClusterPhase::Starting | ClusterPhase::Started
            ));
        }
    }
}
