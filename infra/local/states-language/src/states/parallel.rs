//! Parallel: runs its branches side by side and hands on the list of their outputs.

use crate::definition::{Draft, Fields, StateReader};
use crate::errors::Failure;
use crate::execution::{Branches, Execution, Extra, ThreadId, Work};
use crate::machine::{BlockId, State, StateId};
use crate::payload::Payload;
use crate::{EventDetails, EventType};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parallel {
    branches: Vec<BlockId>,
}

impl Parallel {
    pub(crate) fn read(
        reader: &StateReader<'_>,
        fields: &mut Fields<'_>,
        draft: &mut Draft,
    ) -> Option<Self> {
        fields.require(&["Branches"], &mut draft.diagnostics);
        let location = fields.at("Branches");
        let list = fields.list("Branches", &mut draft.diagnostics)?;
        if list.is_empty() {
            draft
                .diagnostics
                .error(location.as_str(), "Value cannot be empty");
            return None;
        }
        let mut branches = Vec::with_capacity(list.len());
        for (position, value) in list.iter().enumerate() {
            let fields = Fields::of(
                value,
                &format!("{location}[{position}]"),
                &mut draft.diagnostics,
            );
            branches.push(fields.and_then(|mut fields| {
                fields.text("Comment", &mut draft.diagnostics);
                draft.block(fields, Some(reader.id))
            }));
        }
        Some(Self {
            branches: branches.into_iter().collect::<Option<_>>()?,
        })
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let input = execution.arguments(thread, state, &input, Extra::default())?;
        execution.record(
            thread,
            EventType::ParallelStateStarted,
            EventDetails::default(),
        );
        let started = execution.last_event(thread);
        let outputs = vec![None; self.branches.len()];
        execution.set_work(thread, Work::Branches(Branches { outputs }));
        let starts: Vec<StateId> = self
            .branches
            .iter()
            .map(|block| execution.machine().block(*block).start)
            .collect();
        for (branch, start) in starts.into_iter().enumerate() {
            execution.spawn(thread, branch, start, input.clone(), None, started);
        }
        Ok(())
    }

    /// A branch has come to its end, with that last event.
    pub(crate) fn branch_succeeded(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        branch: usize,
        output: Payload,
        last_event: u64,
    ) {
        let Some(Work::Branches(branches)) = execution.work_mut(thread) else {
            return;
        };
        branches.outputs[branch] = Some(output);
        let outputs: Option<Vec<Payload>> = branches.outputs.iter().cloned().collect();
        execution.set_last_event(thread, last_event);
        if let Some(outputs) = outputs {
            execution.join(thread, Payload::list(&outputs));
        }
    }
}
