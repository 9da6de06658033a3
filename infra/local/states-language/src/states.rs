//! The eight types of states: one file each reads its fields and runs it. The execution enters them.

pub(crate) mod choice;
pub(crate) mod fail;
pub(crate) mod map;
pub(crate) mod parallel;
pub(crate) mod pass;
mod seconds;
pub(crate) mod succeed;
pub(crate) mod task;
pub(crate) mod wait;

use crate::definition::{Draft, Fields, StateReader};
use crate::errors::Failure;
use crate::execution::{Execution, ThreadId};
use crate::machine::{State, StateType};

use choice::Choice;
use fail::Fail;
use map::Map;
use parallel::Parallel;
use pass::Pass;
use task::Task;
use wait::Wait;

/// What only states of one type have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Task(Task),
    Pass(Pass),
    Wait(Wait),
    Choice(Choice),
    Succeed,
    Fail(Fail),
    Parallel(Parallel),
    Map(Box<Map>),
}

impl Kind {
    /// Reads `Type` and the fields that go with it.
    pub(crate) fn read(
        reader: &StateReader<'_>,
        fields: &mut Fields<'_>,
        draft: &mut Draft,
    ) -> Option<Self> {
        fields.require(&["Type"], &mut draft.diagnostics);
        let name = fields.text("Type", &mut draft.diagnostics)?;
        let Some((_, state_type)) = StateType::ALL.into_iter().find(|(known, _)| *known == name)
        else {
            let known: Vec<&str> = StateType::ALL.iter().map(|(known, _)| *known).collect();
            draft.diagnostics.error(
                fields.at("Type"),
                format!(
                    "The field 'Type' should have one of these values: [{}]",
                    known.join(", ")
                ),
            );
            return None;
        };
        match state_type {
            StateType::Task => Task::read(fields, &mut draft.diagnostics).map(Self::Task),
            StateType::Pass => Some(Self::Pass(Pass::read(fields, &mut draft.diagnostics))),
            StateType::Wait => Wait::read(fields, &mut draft.diagnostics).map(Self::Wait),
            StateType::Choice => {
                Choice::read(reader, fields, &mut draft.diagnostics).map(Self::Choice)
            }
            StateType::Succeed => Some(Self::Succeed),
            StateType::Fail => Some(Self::Fail(Fail::read(fields, &mut draft.diagnostics))),
            StateType::Parallel => Parallel::read(reader, fields, draft).map(Self::Parallel),
            StateType::Map => Map::read(reader, fields, draft).map(|map| Self::Map(Box::new(map))),
        }
    }

    pub(crate) fn state_type(&self) -> StateType {
        match self {
            Self::Task(_) => StateType::Task,
            Self::Pass(_) => StateType::Pass,
            Self::Wait(_) => StateType::Wait,
            Self::Choice(_) => StateType::Choice,
            Self::Succeed => StateType::Succeed,
            Self::Fail(_) => StateType::Fail,
            Self::Parallel(_) => StateType::Parallel,
            Self::Map(_) => StateType::Map,
        }
    }

    /// Runs the state, which has been entered, until it waits or is left. Retries come here too.
    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        match self {
            Self::Task(task) => task.run(execution, thread, state),
            Self::Pass(pass) => pass.run(execution, thread, state),
            Self::Wait(wait) => wait.run(execution, thread, state),
            Self::Choice(choice) => choice.run(execution, thread, state),
            Self::Succeed => succeed::run(execution, thread, state),
            Self::Fail(fail) => fail.run(execution, thread, state),
            Self::Parallel(parallel) => parallel.run(execution, thread, state),
            Self::Map(map) => map.run(execution, thread, state),
        }
    }
}
