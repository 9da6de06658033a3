//! A running, or ended, execution of a state machine. The `states` service drives it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Arrival, Effect, HistoryEvent, Identity, StateMachine, TaskId, Text};

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

/// An execution: a state machine, where it stands in it, and its history.
#[derive(Debug, Clone)]
pub struct Execution {
    machine: Arc<StateMachine>,
    identity: Identity,
    status: Status,
    ended_at: Option<Timestamp>,
    history: Vec<HistoryEvent>,
    effects: Vec<Effect>,
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
        let _ = (input, seed, now);
        Ok(Self {
            machine,
            identity,
            status: Status::Running,
            ended_at: None,
            history: Vec::new(),
            effects: Vec::new(),
        })
    }

    /// Tells the execution what has happened and runs it until it waits again. Answers whether that was still awaited: a
    /// result that comes after its task's timeout is ignored.
    pub fn deliver(&mut self, arrival: Arrival, now: Timestamp) -> bool {
        let _ = (arrival, now);
        false
    }

    /// Takes what the driver must now do, in order.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What a driver that has lost its own state must do so that the execution goes on: every timer that is set and every
    /// task that is not done. Those of [`Execution::effects`] are among them.
    pub fn outstanding(&self) -> Vec<Effect> {
        Vec::new()
    }

    /// Whether the task's result is still awaited.
    pub fn awaits(&self, task: TaskId) -> bool {
        let _ = task;
        false
    }

    /// Every event so far.
    pub fn history(&self) -> &[HistoryEvent] {
        &self.history
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
}

impl Serialize for Execution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.history.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Execution {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("an execution cannot be read yet"))
    }
}
