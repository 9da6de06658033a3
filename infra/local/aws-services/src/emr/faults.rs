//! Faults that a cluster can be told to suffer. The cluster asks at the named moments; `pipeline run --fail STEP` and fault
//! schedules fill the list.

use super::model::Role;

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// A cluster was requested.
    ClusterStarts,
    /// A cluster's instances are bootstrapping.
    ClusterBootstraps,
    /// A cluster is ready for steps.
    ClusterReady,
    /// A step whose name contains this text begins to run, before its command does.
    StepStarts(String),
    /// The command of a step whose name contains this text has done its work, and the step is about to end.
    StepEnds(String),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blow {
    /// The step fails with this message. Only at a step's moments.
    FailStep {
        /// The message of the step's FailureDetails.
        message: String,
    },
    /// The step goes on for ever, doing nothing, until it is cancelled or its cluster ends. Only when a step starts.
    HangStep,
    /// An instance with this role is lost, and replaced; without its primary node the cluster ends.
    LoseInstance(Role),
    /// The cluster ends with errors.
    KillCluster {
        /// A code of EMR's StateChangeReason, such as `INSTANCE_FAILURE` or `BOOTSTRAP_FAILURE`.
        code: String,
        /// Its message.
        message: String,
    },
}

/// A blow at a moment, so many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub moment: Moment,
    /// What.
    pub blow: Blow,
    /// How many such moments it lets pass before it strikes; counted down.
    pub skips: u32,
    /// How many times it strikes; counted down.
    pub times: u32,
}

/// All faults that clusters are to suffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// In the order in which they are looked at.
    pub planned: Vec<Fault>,
    /// Spot requests are never fulfilled while this is set.
    pub spot_is_never_fulfilled: bool,
}

/// A moment as the cluster names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now<'a> {
    ClusterStarts,
    ClusterBootstraps,
    ClusterReady,
    StepStarts(&'a str),
    StepEnds(&'a str),
}

impl Moment {
    fn is(&self, now: Now<'_>) -> bool {
        match (self, now) {
            (Moment::ClusterStarts, Now::ClusterStarts)
            | (Moment::ClusterBootstraps, Now::ClusterBootstraps)
            | (Moment::ClusterReady, Now::ClusterReady) => true,
            (Moment::StepStarts(part), Now::StepStarts(name))
            | (Moment::StepEnds(part), Now::StepEnds(name)) => name.contains(part.as_str()),
            _ => false,
        }
    }
}

impl Faults {
    /// Lets every step whose name contains `step` fail once when it starts.
    pub fn fail_step(&mut self, step: &str, message: &str) {
        self.planned.push(Fault {
            moment: Moment::StepStarts(step.to_owned()),
            blow: Blow::FailStep {
                message: message.to_owned(),
            },
            skips: 0,
            times: 1,
        });
    }

    /// The blows that strike now; each is counted.
    pub(super) fn strike(&mut self, now: Now<'_>) -> Vec<Blow> {
        let mut blows = Vec::new();
        for fault in &mut self.planned {
            if fault.times > 0 && fault.moment.is(now) {
                if fault.skips > 0 {
                    fault.skips -= 1;
                    continue;
                }
                fault.times -= 1;
                blows.push(fault.blow.clone());
            }
        }
        blows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_is_planned_and_only_at_its_moment() {
        let mut faults = Faults::default();
        faults.fail_step("load country", "boom");
        assert!(faults.strike(Now::StepStarts("stage country")).is_empty());
        assert!(faults.strike(Now::StepEnds("load country")).is_empty());
        assert_eq!(faults.strike(Now::StepStarts("load country [x]")).len(), 1);
        assert!(
            faults
                .strike(Now::StepStarts("load country [x]"))
                .is_empty()
        );
    }
}
