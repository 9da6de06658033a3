//! A thread of control: the execution's own, a branch of a Parallel state or an iteration of a Map state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Execution;
use crate::machine::StateId;
use crate::map_effects::{ReadItems, StartChild, WriteResults};
use crate::payload::{Payload, Shared};
use crate::scope::Variables;
use crate::{StartTask, TaskId, Text, TimerId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ThreadId(pub(crate) u64);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Thread {
    /// The thread whose Parallel or Map state started this one, and which branch or iteration it is.
    pub(crate) parent: Option<(ThreadId, usize)>,
    pub(crate) state: StateId,
    /// The state's input as it came.
    pub(crate) input: Payload,
    pub(crate) variables: Variables,
    /// Inside a Map: the iteration's index and item, for `$$.Map.Item`.
    pub(crate) item: Option<(u64, Shared)>,
    pub(super) last_event: u32,
    /// `None` until the state is entered.
    pub(crate) visit: Option<Visit>,
}

/// One stay in a state, retries included.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) entered_event: u32,
    pub(crate) entered_at: Timestamp,
    /// How often each retrier has been used.
    pub(crate) retried: Vec<u64>,
    pub(crate) work: Work,
}

/// What a state is waiting for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Nothing yet.
    Begun,
    Task(Box<RunningTask>),
    Wait(TimerId),
    Retry(TimerId),
    Branches(Branches),
    Iterations(Box<Iterations>),
    MapRun(Box<RunningMapRun>),
    /// All branches or iterations are done; this is their result.
    Joined(Payload),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunningTask {
    pub(crate) start: StartTask,
    pub(crate) started: bool,
    pub(crate) timeout: Option<TimerId>,
    pub(crate) heartbeat: Option<TimerId>,
}

/// The outputs of a Parallel state's branches, as far as they are done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Branches {
    pub(crate) outputs: Vec<Option<Payload>>,
}

/// The iterations of a Map state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Iterations {
    /// What the state works with; item selectors read it.
    pub(crate) input: Payload,
    pub(crate) items: Shared,
    /// The next item to start.
    pub(crate) next: usize,
    pub(crate) outputs: Vec<Option<Payload>>,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    /// How many may fail; `None` when any failure fails the state, with its own error.
    pub(crate) tolerated: Option<usize>,
}

/// The run of a distributed Map state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunningMapRun {
    /// Its place among the execution's Map runs.
    pub(crate) run: usize,
    /// What the state works with.
    pub(crate) input: Payload,
    pub(crate) phase: MapRunPhase,
    /// The children's inputs, the number of items in each, and their outputs.
    pub(crate) inputs: Vec<Text>,
    pub(crate) items: Vec<u64>,
    pub(crate) outputs: Vec<Option<Payload>>,
    /// The next child to start.
    pub(crate) next: usize,
    /// Those that run, with their places.
    pub(crate) children: BTreeMap<TaskId, (usize, StartChild)>,
    /// By their places: those that did not succeed and that a redrive takes up again.
    #[serde(default)]
    pub(crate) unsuccessful: BTreeMap<usize, StartChild>,
    /// By their places: those that wait to be redriven.
    #[serde(default)]
    pub(crate) waiting: BTreeMap<usize, StartChild>,
}

impl RunningMapRun {
    /// Whether there is something that a redrive can take up.
    pub(crate) fn has_children(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Puts those that run, or wait to be redriven, to those that did not succeed; answers how many items are in those that
    /// ran.
    pub(crate) fn set_aside(&mut self) -> u64 {
        let stopped = std::mem::take(&mut self.children);
        let items = stopped.values().map(|(index, _)| self.items[*index]).sum();
        self.unsuccessful.extend(stopped.into_values());
        self.unsuccessful.append(&mut self.waiting);
        items
    }
}

/// What a Map run waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum MapRunPhase {
    Reading(ReadItems),
    Running,
    Writing {
        request: WriteResults,
        /// Too much has failed: the run fails once its results are written.
        exceeded: bool,
    },
}

impl Thread {
    pub(crate) fn new(parent: Option<(ThreadId, usize)>, state: StateId, input: Payload) -> Self {
        Self {
            parent,
            state,
            input,
            variables: Variables::new(),
            item: None,
            last_event: 0,
            visit: None,
        }
    }

    pub(crate) fn work(&self) -> Option<&Work> {
        self.visit.as_ref().map(|visit| &visit.work)
    }
}

/// Threads are looked up by ids that come from threads, timers and tasks; those of threads that have ended are dropped with
/// them. The accessors below therefore answer `None` only for what has just been aborted.
impl Execution {
    pub(crate) fn thread(&self, thread: ThreadId) -> Option<&Thread> {
        self.threads.get(&thread).map(Box::as_ref)
    }

    pub(crate) fn last_event(&self, thread: ThreadId) -> u32 {
        self.threads
            .get(&thread)
            .map_or(0, |thread| thread.last_event)
    }

    pub(crate) fn set_last_event(&mut self, thread: ThreadId, event: u32) {
        if let Some(thread) = self.threads.get_mut(&thread) {
            thread.last_event = event;
        }
    }

    pub(crate) fn work_mut(&mut self, thread: ThreadId) -> Option<&mut Work> {
        Some(&mut self.threads.get_mut(&thread)?.visit.as_mut()?.work)
    }

    pub(crate) fn set_work(&mut self, thread: ThreadId, work: Work) {
        if let Some(place) = self.work_mut(thread) {
            *place = work;
        }
    }

    /// Starts a branch or iteration of the thread's state, after the given event.
    pub(crate) fn spawn(
        &mut self,
        parent: ThreadId,
        branch: usize,
        start: StateId,
        input: Payload,
        item: Option<(u64, Shared)>,
        after: u32,
    ) -> ThreadId {
        let id = ThreadId(self.number());
        let mut thread = Thread::new(Some((parent, branch)), start, input);
        thread.last_event = after;
        if let Some(parent) = self.threads.get(&parent) {
            thread.variables = parent.variables.clone();
            thread.item = item.or_else(|| parent.item.clone());
        }
        self.threads.insert(id, Box::new(thread));
        self.ready.push_back(id);
        id
    }
}
