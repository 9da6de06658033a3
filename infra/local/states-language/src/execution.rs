//! A running, or ended, execution of a state machine. The `states` service drives it.
//!
//! Threads of control (the execution's own, and one for each branch and iteration) live in an arena and take turns; a step
//! never calls itself again. Everything is data, so an execution can be written down between any two arrivals.

mod arrivals;
mod evaluation;
mod failing;
mod flow;
mod map_runs;
mod redriving;
mod thread;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::history::{Details, History};
use crate::machine::shared;
use crate::map_run::MapRun;
use crate::payload::Payload;
use crate::random::Random;
use crate::{
    Arrival, Effect, EventDetails, EventType, HistoryEvent, Identity, StateMachine, Surroundings,
    TaskId, Text, TimerId,
};

pub(crate) use evaluation::{Extra, LARGEST_PAYLOAD, limit};
pub(crate) use thread::{
    Branches, Iterations, MapRunPhase, RunningMapRun, RunningTask, Thread, ThreadId, Visit, Work,
};

/// How an execution stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It goes on, or waits.
    Running,
    /// It is done.
    Succeeded {
        /// JSON text.
        output: Text,
    },
    /// A state failed and nothing caught it.
    Failed {
        /// The error's name.
        error: Option<String>,
        /// What happened.
        cause: Option<String>,
    },
    /// The state machine's `TimeoutSeconds` have passed.
    TimedOut {
        /// The error's name, if there is one.
        error: Option<String>,
        /// What happened.
        cause: Option<String>,
    },
    /// It was stopped.
    Aborted {
        /// Given by whoever stopped it.
        error: Option<String>,
        /// Given by whoever stopped it.
        cause: Option<String>,
    },
}

/// An execution's input that is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("the input of an execution must be JSON text")]
pub struct InputError(#[from] serde_json::Error);

/// A timer that is set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Timer {
    at: Timestamp,
    purpose: Purpose,
}

/// What happens when a timer's time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// The execution has timed out.
    Execution,
    /// A Wait is over.
    Wait(ThreadId),
    /// A state is tried again.
    Retry(ThreadId),
    /// A task has timed out.
    Timeout(ThreadId),
    /// A task has missed its heartbeat.
    Heartbeat(ThreadId),
}

/// An execution: a state machine, where it stands in it, and its history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Execution {
    #[serde(with = "shared")]
    machine: Arc<StateMachine>,
    identity: Identity,
    input: Payload,
    #[serde(default)]
    surroundings: Surroundings,
    /// What is to be seen of a tested state.
    #[serde(default)]
    pub(crate) inspection: serde_json::Map<String, serde_json::Value>,
    status: Status,
    ended_at: Option<Timestamp>,
    history: History,
    effects: Vec<Effect>,
    random: Random,
    now: Timestamp,
    /// Boxed, for a node of the map has room for eleven.
    threads: BTreeMap<ThreadId, Box<Thread>>,
    /// Those that had not come to their end when the execution failed: a redrive goes on with them.
    #[serde(default)]
    resumable: BTreeMap<ThreadId, Box<Thread>>,
    /// Those that the failure which is being dealt with has ended so far.
    #[serde(skip)]
    fallen: Vec<(ThreadId, Box<Thread>)>,
    /// Those that can go on at once.
    ready: VecDeque<ThreadId>,
    timers: BTreeMap<TimerId, Timer>,
    tasks: BTreeMap<TaskId, ThreadId>,
    /// Those of distributed Map states, in the order in which they began.
    #[serde(default)]
    map_runs: Vec<MapRun>,
    /// The next thread's, timer's or task's number.
    next_number: u64,
}

impl Execution {
    /// Starts an execution and runs it until it waits for something. `seed` decides its jitter, tokens and random numbers.
    ///
    /// # Errors
    ///
    /// The input is not JSON.
    pub fn start(
        machine: Arc<StateMachine>,
        identity: Identity,
        input: &str,
        seed: u64,
        now: Timestamp,
    ) -> Result<Self, InputError> {
        Self::start_in(Surroundings::default(), machine, identity, input, seed, now)
    }

    /// As [`Execution::start`], in surroundings that differ from the ordinary.
    ///
    /// # Errors
    ///
    /// The input is not JSON.
    pub fn start_in(
        surroundings: Surroundings,
        machine: Arc<StateMachine>,
        identity: Identity,
        input: &str,
        seed: u64,
        now: Timestamp,
    ) -> Result<Self, InputError> {
        let input = Payload::read(input)?;
        let now = to_the_millisecond(now);
        let mut execution = Self {
            identity,
            input: input.clone(),
            surroundings,
            inspection: serde_json::Map::new(),
            status: Status::Running,
            ended_at: None,
            history: History::default(),
            effects: Vec::new(),
            random: Random::new(seed),
            now,
            threads: BTreeMap::new(),
            resumable: BTreeMap::new(),
            fallen: Vec::new(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            map_runs: Vec::new(),
            next_number: 1,
            machine,
        };
        let identity = &execution.identity;
        let details = EventDetails {
            role_arn: Some(identity.role_arn.as_str().into()),
            state_machine_version_arn: identity
                .state_machine_version_arn
                .as_deref()
                .map(Text::from),
            state_machine_alias_arn: identity.state_machine_alias_arn.as_deref().map(Text::from),
            ..EventDetails::default()
        };
        execution.push(
            EventType::ExecutionStarted,
            0,
            details.with_input(input.text()),
        );
        let timeouts = [
            execution.machine.timeout_seconds(),
            execution.surroundings.longest_seconds,
        ];
        if let Some(seconds) = timeouts.into_iter().flatten().min() {
            execution.set_timer(seconds_milliseconds(seconds), Purpose::Execution);
        }
        let start = execution.machine.start().id();
        let root = ThreadId(execution.number());
        let mut thread = Thread::new(None, start, input);
        if let Some(test) = &execution.surroundings.test {
            let given = test.variables.iter();
            thread
                .variables
                .extend(given.map(|(name, value)| (name.clone(), value.clone().into())));
        }
        execution.threads.insert(root, Box::new(thread));
        execution.ready.push_back(root);
        execution.run();
        Ok(execution)
    }

    /// Tells the execution what has happened and runs it until it waits again. Answers whether that was still awaited: a
    /// result that comes after its task's timeout is ignored.
    pub fn deliver(&mut self, arrival: Arrival, now: Timestamp) -> bool {
        if self.status != Status::Running {
            return false;
        }
        self.now = self.now.max(to_the_millisecond(now));
        let awaited = self.accept(arrival);
        self.run();
        awaited
    }

    /// Says anew which of the machine's activities do not exist.
    pub fn set_missing_activities(&mut self, arns: Vec<String>) {
        self.surroundings.missing_activities = arns;
    }

    /// What it was told of the world.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    pub(crate) fn leave_test(&mut self) {
        self.surroundings.test = None;
    }

    /// Takes what the driver must now do, in order.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What a driver that has lost its own state must do so that the execution goes on: every timer that is set and every
    /// task that is not done. Those of [`Execution::effects`] are among them.
    pub fn outstanding(&self) -> Vec<Effect> {
        let tasks = self
            .threads
            .values()
            .flat_map(|thread| match thread.work() {
                Some(Work::Task(task)) => vec![Effect::StartTask(task.start.clone())],
                Some(Work::MapRun(running)) => map_runs::outstanding(running),
                _ => Vec::new(),
            });
        let timers = self.timers.iter().map(|(timer, set)| Effect::SetTimer {
            timer: *timer,
            at: set.at,
        });
        tasks.chain(timers).collect()
    }

    /// Whether the task's result is still awaited.
    pub fn awaits(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task)
    }

    /// Every event so far.
    pub fn history(&self) -> &[HistoryEvent] {
        self.history.events()
    }

    /// How it stands.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it runs.
    pub fn machine(&self) -> &Arc<StateMachine> {
        &self.machine
    }

    /// Its input, as it was given.
    pub fn input(&self) -> &str {
        self.input.text()
    }

    fn run(&mut self) {
        let machine = Arc::clone(&self.machine);
        while self.status == Status::Running {
            if self.history.is_full() {
                self.fail_for_its_history();
                return;
            }
            let Some(thread) = self.ready.pop_front() else {
                return;
            };
            self.step(thread, &machine);
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Records an event; answers its id.
    fn push(
        &mut self,
        event_type: EventType,
        previous_event_id: u32,
        details: impl Into<Details>,
    ) -> u32 {
        let details = details.into();
        self.history
            .push(self.now, event_type, previous_event_id, details)
    }

    /// Records an event that the thread goes on from.
    pub(crate) fn record(
        &mut self,
        thread: ThreadId,
        event_type: EventType,
        details: impl Into<Details>,
    ) {
        let id = self.push(event_type, self.last_event(thread), details);
        self.set_last_event(thread, id);
    }

    /// Records an event beside the thread's own course.
    pub(crate) fn record_aside(
        &mut self,
        thread: ThreadId,
        event_type: EventType,
        details: impl Into<Details>,
    ) -> u32 {
        self.push(event_type, self.last_event(thread), details)
    }

    pub(crate) fn set_timer(&mut self, milliseconds: i64, purpose: Purpose) -> TimerId {
        let at = self
            .now
            .checked_add(SignedDuration::from_millis(milliseconds))
            .unwrap_or(Timestamp::MAX);
        self.set_timer_at(at, purpose)
    }

    pub(crate) fn set_timer_at(&mut self, at: Timestamp, purpose: Purpose) -> TimerId {
        let timer = TimerId(self.number());
        self.timers.insert(timer, Timer { at, purpose });
        self.effects.push(Effect::SetTimer { timer, at });
        timer
    }

    pub(crate) fn cancel_timer(&mut self, timer: TimerId) {
        if self.timers.remove(&timer).is_some() {
            self.effects.push(Effect::CancelTimer { timer });
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Ends the execution: records how, and lets go of everything that it waited for.
    fn end(
        &mut self,
        status: Status,
        event_type: EventType,
        previous_event_id: u32,
        details: impl Into<Details>,
    ) {
        self.push(event_type, previous_event_id, details);
        for task in std::mem::take(&mut self.tasks).into_keys() {
            self.effects.push(Effect::CancelTask { task });
        }
        for timer in std::mem::take(&mut self.timers).into_keys() {
            self.effects.push(Effect::CancelTimer { timer });
        }
        let left = std::mem::take(&mut self.threads);
        let fallen = std::mem::take(&mut self.fallen);
        if !matches!(status, Status::Succeeded { .. }) {
            self.resumable = left.into_iter().chain(fallen).collect();
        }
        self.ready.clear();
        self.abort_map_runs();
        self.status = status;
        self.ended_at = Some(self.now);
    }
}

/// AWS records milliseconds; more would not survive being written down.
fn to_the_millisecond(time: Timestamp) -> Timestamp {
    match time.subsec_nanosecond() % 1_000_000 {
        0 => time,
        _ => Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time),
    }
}

/// Seconds as a timer takes them.
pub(crate) fn seconds_milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000)
}

#[cfg(test)]
mod tests;
