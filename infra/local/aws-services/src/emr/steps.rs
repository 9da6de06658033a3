//! Steps of a cluster: their order, their ends, and what a failing one does to the others.

use jiff::Timestamp;

use super::lifecycle::{Effect, World};
use super::model::{ActionOnFailure, Cluster, Reason, Step, StepFailureDetails, StepState};
use crate::observer::Occurrence;

/// How the command of a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StepEnd {
    Completed,
    Failed(StepFailureDetails),
}

impl Cluster {
    /// Starts steps in the order of their submission, as many as may run at once.
    pub(super) fn schedule_steps(&mut self, at: Timestamp, world: &mut World<'_>) {
        let running =
            |step: &Step| matches!(step.state, StepState::Running | StepState::CancelPending);
        let mut free = (self.step_concurrency as usize)
            .saturating_sub(self.steps.iter().filter(|step| running(step)).count());
        for index in 0..self.steps.len() {
            if free == 0 {
                return;
            }
            let step = &mut self.steps[index];
            if step.state == StepState::Pending {
                free -= 1;
                step.state = StepState::Running;
                step.started = Some(at);
                step.due = Some(super::after(at, world.timings.launch(&step.args)));
                self.tell_step(index, world);
            }
        }
    }

    /// The launch of a step is over, or its cancellation.
    pub(super) fn step_is_due(&mut self, index: usize, at: Timestamp, world: &mut World<'_>) {
        let step = &mut self.steps[index];
        step.due = None;
        match step.state {
            StepState::Running => {
                step.command_runs = true;
                let step = step.id.clone();
                world.effects.push(Effect::Run { step });
            }
            StepState::CancelPending => self.stop_step(index, StepState::Cancelled, at, world),
            _ => {}
        }
    }

    /// The command of a step has ended. Nothing happens if the step ended before.
    pub(super) fn step_has_ended(
        &mut self,
        id: &str,
        end: StepEnd,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        let Some(index) = self.steps.iter().position(|step| step.id == id) else {
            return;
        };
        if self.steps[index].state.has_ended() {
            return;
        }
        match end {
            StepEnd::Completed => self.end_step(index, StepState::Completed, at, world),
            StepEnd::Failed(failure) => {
                self.steps[index].failure = Some(failure);
                self.end_step(index, StepState::Failed, at, world);
                self.react(self.steps[index].action_on_failure, at, world);
            }
        }
    }

    /// With more than one step at a time, a failing step leaves the cluster and the others alone.
    fn react(&mut self, action: ActionOnFailure, at: Timestamp, world: &mut World<'_>) {
        if self.step_concurrency > 1 {
            return;
        }
        match action {
            ActionOnFailure::Continue => {}
            ActionOnFailure::CancelAndWait => {
                for index in 0..self.steps.len() {
                    if self.steps[index].state == StepState::Pending {
                        self.end_step(index, StepState::Cancelled, at, world);
                    }
                }
            }
            ActionOnFailure::TerminateCluster if self.protected => {}
            ActionOnFailure::TerminateCluster => {
                let reason = Reason::new("STEP_FAILURE", "Shut down as step failed");
                self.terminate(reason, true, at, world);
            }
        }
    }

    /// Asks a step to stop. `Err` says why it cannot be.
    pub(super) fn cancel_step(
        &mut self,
        index: usize,
        at: Timestamp,
        world: &mut World<'_>,
    ) -> Result<(), String> {
        let step = &mut self.steps[index];
        match step.state {
            StepState::Pending => {
                self.end_step(index, StepState::Cancelled, at, world);
                Ok(())
            }
            StepState::Running => {
                step.state = StepState::CancelPending;
                step.due = Some(super::after(at, world.timings.cancellation));
                self.tell_step(index, world);
                Ok(())
            }
            StepState::CancelPending => Ok(()),
            state => Err(format!(
                "step is in state {} and cannot be cancelled",
                state.as_str()
            )),
        }
    }

    pub(super) fn stop_step(
        &mut self,
        index: usize,
        state: StepState,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        let step = &self.steps[index];
        if step.command_runs {
            let step = step.id.clone();
            world.effects.push(Effect::Stop { step });
        }
        self.end_step(index, state, at, world);
    }

    pub(super) fn end_step(
        &mut self,
        index: usize,
        state: StepState,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        let step = &mut self.steps[index];
        step.state = state;
        step.due = None;
        step.command_runs = false;
        step.ended = Some(at);
        self.tell_step(index, world);
    }

    /// Steps that ran in a process that is gone, whatever they had got to.
    pub(super) fn steps_without_process(&mut self, at: Timestamp, world: &mut World<'_>) {
        let orphans: Vec<String> = self
            .steps
            .iter()
            .filter(|step| matches!(step.state, StepState::Running | StepState::CancelPending))
            .map(|step| step.id.clone())
            .collect();
        for id in orphans {
            let failure = StepFailureDetails {
                reason: "Unknown Error.".to_owned(),
                message: "The local runtime stopped while the step was running.".to_owned(),
                log_file: None,
            };
            self.step_has_ended(&id, StepEnd::Failed(failure), at, world);
        }
    }

    pub(super) fn tell_step(&self, index: usize, world: &mut World<'_>) {
        let step = &self.steps[index];
        let failure = step.failure.as_ref();
        world.effects.push(Effect::Tell(Occurrence::StepChanged {
            cluster_id: self.id.clone(),
            step_id: step.id.clone(),
            name: step.name.clone(),
            state: step.state.as_str().to_owned(),
            reason: failure
                .map(|failure| failure.message.clone())
                .unwrap_or_default(),
        }));
    }
}
