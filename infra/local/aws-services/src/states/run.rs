//! One execution: what the interpreter wants done is done in tasks of its own, and what comes of it is delivered back.
//! Whoever delivers holds a `Work` guard, and every effect that begins takes one along.

mod announcements;
mod effects;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use states_language::{
    Arrival, Execution, HistoryEvent, StartChild, StateId, StateMachine, Status, TaskId, TimerId,
};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use virtual_time::{Ticket, Work};

use super::StepFunctions;
use super::journal::{self, Journal};
use crate::failure::StartError;

/// An execution of the account, running or ended.
pub(crate) struct Run {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) machine_arn: String,
    pub(super) started: Timestamp,
    /// The execution that started it through Step Functions' own integration.
    pub(super) parent: Option<String>,
    /// The Map run whose child it is.
    pub(super) map_run: Option<String>,
    /// Whether it is written down; children of the type EXPRESS are not.
    kept: bool,
    state: Mutex<RunState>,
}

struct RunState {
    execution: Execution,
    /// How many events of the history have been observed.
    observed: usize,
    /// Its end has been dealt with.
    closed: bool,
    /// It had ended when it was written down for the first time.
    written: bool,
    timers: BTreeMap<TimerId, (Ticket, AbortHandle)>,
    /// Executions that tasks wait for (`.sync`), by ARN.
    children: BTreeMap<TaskId, String>,
    /// What the children of distributed Map states run.
    processors: BTreeMap<StateId, Arc<StateMachine>>,
    waiters: Vec<oneshot::Sender<Work>>,
    /// While it runs; nothing if the disk refused to go on.
    journal: Option<Journal>,
    /// The tasks that workers outside are at, which takes time.
    attended: BTreeMap<TaskId, Work>,
}

/// As it outlives the process. Written when an execution begins and when it ends.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    arn: String,
    name: String,
    machine_arn: String,
    started: Timestamp,
    parent: Option<String>,
    #[serde(default)]
    map_run: Option<String>,
    execution: Execution,
}

/// What an action shows of an execution.
pub(super) struct Snapshot {
    pub(super) status: Status,
    pub(super) ended: Option<Timestamp>,
    pub(super) input: String,
}

/// The word that the API has for a status.
pub(super) fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Succeeded { .. } => "SUCCEEDED",
        Status::Failed { .. } => "FAILED",
        Status::TimedOut { .. } => "TIMED_OUT",
        Status::Aborted { .. } => "ABORTED",
    }
}

/// The execution with the history that it had when its process died; its own if that says more.
fn with_history(execution: Execution, events: Vec<HistoryEvent>) -> Execution {
    if events.len() <= execution.history().len() {
        return execution;
    }
    let patched = serde_json::to_value(&execution).and_then(|mut document| {
        document["history"] = serde_json::to_value(&events)?;
        serde_json::from_value(document)
    });
    patched.unwrap_or(execution)
}

/// Error and cause of an execution that did not succeed.
pub(super) fn error_and_cause(status: &Status) -> (Option<String>, Option<String>) {
    match status {
        Status::Running | Status::Succeeded { .. } => (None, None),
        Status::Failed { error, cause }
        | Status::TimedOut { error, cause }
        | Status::Aborted { error, cause } => (error.clone(), cause.clone()),
    }
}

impl Run {
    pub(super) fn new(
        machine_arn: &str,
        name: &str,
        parent: Option<String>,
        execution: Execution,
        started: Timestamp,
    ) -> Arc<Self> {
        Arc::new(Self::of(machine_arn, name, parent, execution, started))
    }

    /// A child execution of a Map run.
    pub(super) fn child(
        parent: &Run,
        machine_arn: &str,
        start: &StartChild,
        kept: bool,
        execution: Execution,
        started: Timestamp,
    ) -> Arc<Self> {
        let parent = Some(parent.arn.clone());
        Arc::new(Self {
            map_run: Some(start.map_run_arn.clone()),
            kept,
            ..Self::of(machine_arn, &start.name, parent, execution, started)
        })
    }

    fn of(
        machine_arn: &str,
        name: &str,
        parent: Option<String>,
        execution: Execution,
        started: Timestamp,
    ) -> Self {
        Self {
            arn: execution.identity().execution_arn.clone(),
            name: name.to_owned(),
            machine_arn: machine_arn.to_owned(),
            started,
            parent,
            map_run: None,
            kept: execution.identity().execution_arn.split(':').nth(5) != Some("express"),
            state: Mutex::new(RunState {
                execution,
                observed: 0,
                closed: false,
                written: false,
                timers: BTreeMap::new(),
                children: BTreeMap::new(),
                processors: BTreeMap::new(),
                waiters: Vec::new(),
                journal: None,
                attended: BTreeMap::new(),
            }),
        }
    }

    /// What the children of a distributed Map state run; read once.
    pub(super) fn item_processor(&self, state: StateId) -> Option<Arc<StateMachine>> {
        let mut run = self.state.lock();
        if let Some(known) = run.processors.get(&state) {
            return Some(Arc::clone(known));
        }
        let processor = Arc::new(run.execution.machine().item_processor(state)?);
        run.processors.insert(state, Arc::clone(&processor));
        Some(processor)
    }

    /// An execution as it was written down.
    pub(super) fn of_stored(stored: Stored) -> Arc<Self> {
        let mut run = Self::of(
            &stored.machine_arn,
            &stored.name,
            stored.parent,
            stored.execution,
            stored.started,
        );
        run.map_run = stored.map_run;
        let state = run.state.get_mut();
        state.observed = state.execution.history().len();
        state.closed = true;
        Arc::new(run)
    }

    /// Whether it is an express execution, of which nothing is kept.
    pub(super) fn is_express(&self) -> bool {
        self.arn.split(':').nth(5) == Some("express")
    }

    /// Time flows while a worker outside is at the task.
    pub(super) fn attend(&self, task: TaskId, work: Work) {
        self.state.lock().attended.insert(task, work);
    }

    /// Nobody is at the task any more.
    pub(super) fn leave(&self, task: TaskId) {
        let left = self.state.lock().attended.remove(&task);
        drop(left);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.state.lock();
        Snapshot {
            status: state.execution.status().clone(),
            ended: state.execution.ended_at(),
            input: state.execution.input().to_owned(),
        }
    }

    pub(super) fn status(&self) -> Status {
        self.state.lock().execution.status().clone()
    }

    /// Looks at the execution without moving it.
    pub(super) fn with_execution<T>(&self, look: impl FnOnce(&Execution) -> T) -> T {
        look(&self.state.lock().execution)
    }

    /// Waits for the end; custody comes with it.
    pub(super) async fn ended(&self, work: Work) -> Work {
        let end = {
            let mut state = self.state.lock();
            if !matches!(state.execution.status(), Status::Running) {
                return work;
            }
            let (sender, end) = oneshot::channel();
            state.waiters.push(sender);
            end
        };
        drop(work);
        match end.await {
            Ok(work) => work,
            // The sender is kept until the end, so this is reached only while the process is being torn down.
            Err(_) => std::future::pending().await,
        }
    }

    /// Remembers which execution a task waits for. `false` if the task is not awaited any more.
    pub(super) fn adopt(&self, task: TaskId, child: &str) -> bool {
        let mut state = self.state.lock();
        let awaited = state.execution.awaits(task);
        if awaited {
            state.children.insert(task, child.to_owned());
        }
        awaited
    }

    /// Whether the task's result is still awaited.
    pub(super) fn awaits(&self, task: TaskId) -> bool {
        self.state.lock().execution.awaits(task)
    }

    /// Forgets which execution a task waited for: it has ended.
    pub(super) fn release(&self, task: TaskId) {
        self.state.lock().children.remove(&task);
    }

    fn stored(&self, execution: &Execution) -> Stored {
        Stored {
            arn: self.arn.clone(),
            name: self.name.clone(),
            machine_arn: self.machine_arn.clone(),
            started: self.started,
            parent: self.parent.clone(),
            map_run: self.map_run.clone(),
            execution: execution.clone(),
        }
    }
}

impl StepFunctions {
    /// Takes on what an earlier process left. Whatever was running there ends here, as it would if a person had stopped it.
    pub(super) fn restore(&self, mut stored: Stored) -> Result<(), StartError> {
        let was_running = matches!(stored.execution.status(), Status::Running);
        if was_running {
            let events = journal::left_behind(&self.run_documents, &stored.arn);
            stored.execution = with_history(stored.execution, events);
        }
        let run = Run::of_stored(stored);
        if was_running {
            let mut state = run.state.lock();
            let stop = Arrival::Stop {
                error: Some("RuntimeStopped".to_owned()),
                cause: Some(
                    "the process that ran this execution ended before the execution did".to_owned(),
                ),
            };
            // The clock of this process may be behind the one that the execution has seen.
            let last = state
                .execution
                .history()
                .last()
                .map(|event| event.timestamp);
            let now = self.context.clock.now();
            state
                .execution
                .deliver(stop, last.map_or(now, |last| last.max(now)));
            state.execution.effects();
            self.run_documents
                .write(&run.arn, &run.stored(&state.execution))?;
            drop(state);
            journal::clear(&self.run_documents, &run.arn);
            self.found_dead.lock().push(Arc::clone(&run));
        }
        self.archive.add(&run);
        Ok(())
    }

    /// Makes a new execution known and lets it take its first steps.
    pub(super) fn begin(self: &Arc<Self>, run: &Arc<Run>, work: &Work) -> Result<(), StartError> {
        if run.kept {
            let mut state = run.state.lock();
            self.run_documents
                .write(&run.arn, &run.stored(&state.execution))?;
            match state.execution.status() {
                Status::Running => {
                    state.journal = Some(Journal::create(&self.run_documents, &run.arn)?);
                }
                // It never waited for anything: there is nothing to add.
                _ => state.written = true,
            }
        }
        self.archive.remove(&run.arn);
        self.runs.lock().insert(run.arn.clone(), Arc::clone(run));
        self.observe_start(run);
        self.announce(run, "RUNNING");
        self.drive(run, None, work);
        Ok(())
    }

    /// Lets an execution that has ended go on from where it was.
    pub(super) fn revive(self: &Arc<Self>, run: &Arc<Run>, work: &Work) -> Result<(), StartError> {
        let now = self.context.clock.now();
        {
            let mut state = run.state.lock();
            let missing = self.missing_activities(state.execution.machine());
            state.execution.set_missing_activities(missing);
            let before = state.execution.history().len();
            if !state.execution.redrive(now) {
                return Ok(());
            }
            self.run_documents
                .write(&run.arn, &run.stored(&state.execution))?;
            let mut journal = Journal::create(&self.run_documents, &run.arn)?;
            let events: Vec<Value> = state.execution.history()[..before]
                .iter()
                .map(|event| serde_json::to_value(event).unwrap_or_default())
                .collect();
            if let Err(error) = journal.append(&events) {
                tracing::error!(%error, execution = run.arn, "the history can no longer be written down");
            }
            state.journal = Some(journal);
            state.closed = false;
        }
        self.runs.lock().insert(run.arn.clone(), Arc::clone(run));
        self.archive.remove(&run.arn);
        self.observe_start(run);
        self.announce(run, "RUNNING");
        self.drive(run, None, work);
        Ok(())
    }

    /// Delivers an arrival and carries out what follows from it. Returns whether the execution took it.
    pub(super) fn drive(
        self: &Arc<Self>,
        run: &Arc<Run>,
        arrival: Option<Arrival>,
        work: &Work,
    ) -> bool {
        let now = self.context.clock.now();
        let mut state = run.state.lock();
        let missing = self.missing_activities(state.execution.machine());
        state.execution.set_missing_activities(missing);
        let taken = arrival.is_none_or(|arrival| state.execution.deliver(arrival, now));
        let mut given_up = Vec::new();
        for effect in state.execution.effects() {
            given_up.extend(self.carry_out(run, &mut state, effect, work));
        }
        let RunState {
            execution,
            attended,
            ..
        } = &mut *state;
        attended.retain(|task, _| execution.awaits(*task));
        self.observe_history(run, &mut state);
        if state.closed || matches!(state.execution.status(), Status::Running) {
            drop(state);
            self.stop_children(given_up, work);
            return taken;
        }
        state.closed = true;
        for (_, timer) in std::mem::take(&mut state.timers) {
            self.call_off(timer);
        }
        given_up.extend(std::mem::take(&mut state.children).into_values());
        let written = match run.kept && !std::mem::take(&mut state.written) {
            true => self
                .run_documents
                .write(&run.arn, &run.stored(&state.execution)),
            false => Ok(()),
        };
        match &written {
            Ok(()) => state.journal.take().map(Journal::close).unwrap_or_default(),
            Err(error) => {
                tracing::error!(%error, execution = run.arn, "the end of an execution could not be written down");
            }
        }
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        // What could not be written down stays in memory, and an express child until its Map run is over.
        if written.is_ok() && run.kept {
            self.archive.add(run);
        }
        if written.is_ok() && (run.kept || run.map_run.is_none()) {
            self.runs.lock().remove(&run.arn);
        }
        self.tokens.expire(&run.arn);
        self.forget_if_deleting(&run.machine_arn);
        self.announce_end(run);
        for waiter in waiters {
            // Who no longer waits needs no custody.
            let _ = waiter.send(work.clone());
        }
        self.stop_children(given_up, work);
        self.forget_children(run);
        taken
    }
}
