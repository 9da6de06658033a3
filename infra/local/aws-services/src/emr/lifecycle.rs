//! What becomes of a cluster as time goes by: pure functions of the model, the time and the faults. [`super::driver`] calls
//! [`Cluster::advance`] at the deadlines that [`Cluster::deadlines`] names, and carries the effects out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use virtual_time::Entropy;

use super::faults::{Blow, Faults, Now};
use super::model::{
    Cluster, ClusterState, CollectionState, InstanceState, Reason, Role, StepState,
};
use super::timings::Timings;
use crate::observer::Occurrence;

/// What a change of a cluster may look at, and where it leaves what is to be done about it.
pub(super) struct World<'a> {
    pub(super) timings: &'a Timings,
    pub(super) faults: &'a mut Faults,
    pub(super) entropy: &'a Entropy,
    pub(super) effects: Vec<Effect>,
}

/// What a change of a cluster asks for.
#[derive(Debug)]
pub(super) enum Effect {
    /// To be told to the observer.
    Tell(Occurrence),
    /// The launch of this step is over: run its command.
    Run { step: String },
    /// This step's command is to be stopped.
    Stop { step: String },
}

/// When a cluster will change by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Deadlines {
    /// Time jumps to it.
    pub(super) active: Option<Timestamp>,
    /// Time does not: a cluster that is only idle must not pull a resting clock to its end.
    pub(super) passive: Option<Timestamp>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Instance(usize),
    SpotDeadline(usize),
    Cluster,
    Step(usize),
    Idle,
}

/// Instances by role: those that run, and those that are on their way.
type Counts = (BTreeMap<String, usize>, BTreeMap<String, usize>);

impl Cluster {
    /// When something will happen by itself.
    pub(super) fn deadlines(&self) -> Deadlines {
        let active = self
            .dues()
            .filter(|(_, due)| *due != Due::Idle)
            .map(|(at, _)| at)
            .min();
        let passive = self.idle_deadline();
        Deadlines { active, passive }
    }

    /// Lets everything happen that is due by `now`, each thing at its own time.
    pub(super) fn advance(&mut self, now: Timestamp, world: &mut World<'_>) {
        while let Some((at, due)) = self.dues().filter(|(at, _)| *at <= now).min() {
            // A policy that is changed can make something due in the past.
            let at = at.max(self.latest);
            self.latest = at;
            let before = self.counts();
            match due {
                Due::Instance(index) => self.instance_is_due(index, at, world),
                Due::SpotDeadline(index) => self.spot_deadline_is_over(index, at, world),
                Due::Cluster => self.state_is_over(at, world),
                Due::Step(index) => self.step_is_due(index, at, world),
                Due::Idle => self.has_idled(at, world),
            }
            self.settle(at, before, world);
        }
    }

    /// Changes the cluster now, and lets the consequences follow.
    pub(super) fn change<T>(
        &mut self,
        now: Timestamp,
        world: &mut World<'_>,
        work: impl FnOnce(&mut Self, &mut World<'_>) -> T,
    ) -> T {
        self.advance(now, world);
        self.latest = self.latest.max(now);
        let before = self.counts();
        let result = work(self, world);
        self.settle(now, before, world);
        result
    }

    /// The first moment: instances are requested.
    pub(super) fn begin(&mut self, at: Timestamp, world: &mut World<'_>) {
        self.tell_state(world);
        for index in 0..self.collections.len() {
            self.reconcile(index, at, world);
        }
        self.suffer(Now::ClusterStarts, at, world);
        self.settle(at, Counts::default(), world);
    }

    fn dues(&self) -> impl Iterator<Item = (Timestamp, Due)> + '_ {
        let instances = self.instances.iter().enumerate();
        let collections = self.collections.iter().enumerate();
        let steps = self.steps.iter().enumerate();
        instances
            .filter_map(|(index, instance)| Some((instance.due?, Due::Instance(index))))
            .chain(
                collections.filter_map(|(index, one)| {
                    Some((one.spot_deadline?, Due::SpotDeadline(index)))
                }),
            )
            .chain(self.due.map(|at| (at, Due::Cluster)))
            .chain(steps.filter_map(|(index, step)| Some((step.due?, Due::Step(index)))))
            .chain(self.idle_deadline().map(|at| (at, Due::Idle)))
    }

    fn idle_deadline(&self) -> Option<Timestamp> {
        let seconds = self.idle_timeout_seconds.filter(|_| !self.protected)?;
        let since = self.activity.waiting_since?;
        since
            .checked_add(jiff::SignedDuration::from_secs(seconds))
            .ok()
    }

    fn has_idled(&mut self, at: Timestamp, world: &mut World<'_>) {
        let seconds = self.idle_timeout_seconds.unwrap_or_default();
        let message =
            format!("Cluster was terminated automatically after being idle for {seconds} seconds");
        self.terminate(Reason::new("USER_REQUEST", message), false, at, world);
    }

    /// Setup or termination is over.
    fn state_is_over(&mut self, at: Timestamp, world: &mut World<'_>) {
        self.due = None;
        match self.state {
            ClusterState::Running => {
                self.timeline.ready = Some(at);
                self.suffer(Now::ClusterReady, at, world);
            }
            ClusterState::Terminating => self.end(at, world),
            _ => {}
        }
    }

    /// Begins the end of the cluster. Steps that have not ended are cancelled, or interrupted if this is a failure.
    pub(super) fn terminate(
        &mut self,
        reason: Reason,
        with_errors: bool,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        if !self.state.is_active() {
            return;
        }
        self.ends_with_errors = with_errors;
        self.due = Some(super::after(at, world.timings.termination));
        self.set_state(ClusterState::Terminating, reason, world);
        for instance in &mut self.instances {
            instance.due = None;
        }
        for collection in &mut self.collections {
            collection.spot_deadline = None;
        }
        for index in 0..self.steps.len() {
            match self.steps[index].state {
                StepState::Pending => self.end_step(index, StepState::Cancelled, at, world),
                StepState::Running | StepState::CancelPending => {
                    let state = if with_errors {
                        StepState::Interrupted
                    } else {
                        StepState::Cancelled
                    };
                    self.stop_step(index, state, at, world);
                }
                _ => {}
            }
        }
    }

    fn end(&mut self, at: Timestamp, world: &mut World<'_>) {
        self.timeline.ended = Some(at);
        for instance in self
            .instances
            .iter_mut()
            .filter(|instance| instance.is_alive())
        {
            instance.state = InstanceState::Terminated;
            instance.reason = Reason::new("CLUSTER_TERMINATED", "Cluster was terminated.");
            instance.timeline.ended = Some(at);
        }
        for collection in &mut self.collections {
            collection.state = CollectionState::Terminated;
            collection.reason = Reason::new("CLUSTER_TERMINATED", "Cluster terminated.");
            collection.timeline.ended = Some(at);
        }
        let state = if self.ends_with_errors {
            ClusterState::TerminatedWithErrors
        } else {
            ClusterState::Terminated
        };
        let reason = self.reason.clone();
        self.set_state(state, reason, world);
    }

    /// Draws the consequences of what has just happened.
    fn settle(&mut self, at: Timestamp, before: Counts, world: &mut World<'_>) {
        self.judge_collections(at);
        match self.state {
            ClusterState::Starting if self.is_provisioned(InstanceState::Bootstrapping) => {
                let reason = Reason::message("Running bootstrap actions");
                self.set_state(ClusterState::Bootstrapping, reason, world);
                self.suffer(Now::ClusterBootstraps, at, world);
            }
            ClusterState::Bootstrapping if self.is_provisioned(InstanceState::Running) => {
                self.due = Some(super::after(at, world.timings.setup));
                self.set_state(
                    ClusterState::Running,
                    Reason::message("Running step"),
                    world,
                );
            }
            _ => {}
        }
        if self.is_ready() {
            self.schedule_steps(at, world);
            self.follow_steps(at, world);
        }
        self.judge_collections(at);
        self.account(at);
        let counts = self.counts();
        if counts != before {
            world
                .effects
                .push(Effect::Tell(Occurrence::InstancesChanged {
                    cluster_id: self.id.clone(),
                    running: counts.0,
                    provisioning: counts.1,
                }));
        }
    }

    /// Whether it takes steps.
    pub(super) fn is_ready(&self) -> bool {
        self.timeline.ready.is_some()
            && matches!(self.state, ClusterState::Running | ClusterState::Waiting)
    }

    /// RUNNING while a step runs, WAITING otherwise; a cluster that is not kept alive ends with its last step.
    fn follow_steps(&mut self, at: Timestamp, world: &mut World<'_>) {
        let busy = self.steps.iter().any(|step| !step.state.has_ended());
        if busy {
            if self.state != ClusterState::Running {
                self.set_state(
                    ClusterState::Running,
                    Reason::message("Running step"),
                    world,
                );
            }
        } else if !self.keep_alive {
            self.terminate(
                Reason::new("ALL_STEPS_COMPLETED", "Steps completed"),
                false,
                at,
                world,
            );
        } else if self.state != ClusterState::Waiting {
            let message = if self.steps.is_empty() {
                "Cluster ready to run steps."
            } else {
                "Cluster ready after last step completed."
            };
            self.set_state(ClusterState::Waiting, Reason::message(message), world);
        }
    }

    /// Notes when there was nothing to do.
    fn account(&mut self, at: Timestamp) {
        let waiting = self.state == ClusterState::Waiting;
        let resizing = self
            .collections
            .iter()
            .any(|one| one.state == CollectionState::Resizing);
        self.activity.waiting_since = match self.activity.waiting_since {
            Some(since) if waiting => Some(since),
            _ => waiting.then_some(at),
        };
        match (self.activity.idle_since, waiting && !resizing) {
            (None, true) => self.activity.idle_since = Some(at),
            (Some(since), false) => {
                self.activity.idle += at.duration_since(since);
                self.activity.idle_since = None;
            }
            _ => {}
        }
    }

    /// Faults of the cluster itself.
    fn suffer(&mut self, now: Now<'_>, at: Timestamp, world: &mut World<'_>) {
        for blow in world.faults.strike(now) {
            self.take(&blow, at, world);
        }
    }

    /// One blow. A failing or hanging step is its runner's business.
    pub(super) fn take(&mut self, blow: &Blow, at: Timestamp, world: &mut World<'_>) {
        match blow {
            Blow::FailStep { .. } | Blow::HangStep => {}
            Blow::LoseInstance(role) => self.lose_instance(*role, at, world),
            Blow::KillCluster { code, message } => {
                self.terminate(Reason::new(code, message.clone()), true, at, world);
            }
        }
    }

    fn set_state(&mut self, state: ClusterState, reason: Reason, world: &mut World<'_>) {
        self.state = state;
        self.reason = reason;
        self.tell_state(world);
    }

    fn tell_state(&self, world: &mut World<'_>) {
        world.effects.push(Effect::Tell(Occurrence::ClusterChanged {
            cluster_id: self.id.clone(),
            name: self.name.clone(),
            state: self.state.as_str().to_owned(),
            reason: self.reason.message.clone(),
        }));
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for instance in &self.instances {
            let of = match instance.state {
                InstanceState::Running => &mut counts.0,
                InstanceState::Terminated => continue,
                _ => &mut counts.1,
            };
            *of.entry(instance.role.as_str().to_owned()).or_insert(0) += 1;
        }
        counts
    }

    /// Whether primary and core nodes have come as far as `state`. Task nodes are not waited for.
    fn is_provisioned(&self, state: InstanceState) -> bool {
        let far_enough = |found: InstanceState| match state {
            InstanceState::Running => found == InstanceState::Running,
            _ => matches!(found, InstanceState::Bootstrapping | InstanceState::Running),
        };
        let needed = self.collections.iter().filter(|one| one.role != Role::Task);
        needed.into_iter().all(|collection| {
            let found: u32 = self
                .instances
                .iter()
                .filter(|instance| {
                    instance.collection == collection.id && far_enough(instance.state)
                })
                .map(|instance| instance.weight)
                .sum();
            found >= collection.wanted()
        })
    }
}
