//! How threads move: into a state, out of it, on to the next one, and to their end.

use std::sync::Arc;

use super::evaluation::limit;
use super::{Execution, Extra, Status, ThreadId, Visit, Work};
use crate::data_flow::Assigned;
use crate::data_flow::jsonpath::evaluate_payload;
use crate::errors::Failure;
use crate::history::{Details, Truncated};
use crate::machine::{State, StateMachine, StateType, Transition};
use crate::payload::Payload;
use crate::states::Kind;
use crate::{EventDetails, EventType};

impl Execution {
    /// Enters the thread's state, or goes on with what its branches have made.
    pub(super) fn step(&mut self, thread: ThreadId, machine: &StateMachine) {
        let Some(current) = self.threads.get_mut(&thread) else {
            // It has been aborted since it was made ready.
            return;
        };
        let state = machine.state(current.state);
        let outcome = match current
            .visit
            .as_mut()
            .map(|visit| std::mem::replace(&mut visit.work, Work::Begun))
        {
            None => {
                let details = Details::Entered {
                    name: state.name.clone(),
                    input: current.input.text().clone(),
                };
                let event_type = entered(state.state_type());
                let entered_event =
                    self.history
                        .push(self.now, event_type, current.last_event, details);
                current.last_event = entered_event;
                current.visit = Some(Visit {
                    entered_event,
                    entered_at: self.now,
                    retried: vec![0; state.retriers.len()],
                    work: Work::Begun,
                });
                state.kind.run(self, thread, state)
            }
            Some(Work::Joined(result)) => {
                let succeeded = match state.state_type() {
                    StateType::Map => EventType::MapStateSucceeded,
                    _ => EventType::ParallelStateSucceeded,
                };
                self.record_aside(thread, succeeded, Details::None);
                self.finish(thread, state, result)
            }
            Some(_) => Ok(()),
        };
        if let Err(failure) = outcome {
            self.fail(thread, failure);
        }
    }

    /// What the state works with, of the thread's input.
    pub(crate) fn effective_input(
        &mut self,
        thread: ThreadId,
        state: &State,
    ) -> Result<Payload, Failure> {
        let Some(input) = self.thread(thread).map(|current| current.input.clone()) else {
            return Err(self.runtime_failure(thread, "the thread of control has ended"));
        };
        let effective = match state.flow.keeps_input() {
            true => input,
            false => self.evaluate(thread, input.value(), Extra::default(), |scope| {
                state.flow.input(&input, scope)
            })?,
        };
        if state.flow.is_jsonpath() {
            self.inspect("afterInputPath", &effective);
        }
        Ok(effective)
    }

    /// What the state hands to its task or branches, of what [`Execution::effective_input`] gave.
    pub(crate) fn arguments(
        &mut self,
        thread: ThreadId,
        state: &State,
        input: &Payload,
        extra: Extra<'_>,
    ) -> Result<Payload, Failure> {
        let arguments = match state.flow.arguments() {
            None => input.clone(),
            Some(template) => self.evaluate(thread, input.value(), extra, |scope| {
                evaluate_payload(template, scope)
            })?,
        };
        self.hand_on(state, arguments)
    }

    /// The same of a state that works with nothing else.
    pub(crate) fn input_arguments(
        &mut self,
        thread: ThreadId,
        state: &State,
    ) -> Result<Payload, Failure> {
        match state.flow.arguments() {
            Some(template) if state.flow.keeps_input() && !self.is_tested() => {
                let arguments = self.evaluate_over(thread, None, Extra::default(), |scope| {
                    evaluate_payload(template, scope)
                })?;
                self.hand_on(state, arguments)
            }
            _ => {
                let input = self.effective_input(thread, state)?;
                self.arguments(thread, state, &input, Extra::default())
            }
        }
    }

    #[inline]
    fn hand_on(&mut self, state: &State, arguments: Payload) -> Result<Payload, Failure> {
        limit(&arguments, &state.name)?;
        if self.is_tested() {
            let name = match state.flow.is_jsonpath() {
                true => "afterParameters",
                false => "afterArguments",
            };
            self.inspect(name, &arguments);
        }
        Ok(arguments)
    }

    /// Leaves a state with a result: selects from it, assigns variables, puts it into the output and goes on.
    pub(crate) fn finish(
        &mut self,
        thread: ThreadId,
        state: &State,
        result: Payload,
    ) -> Result<(), Failure> {
        self.inspect("result", &result);
        if state.flow.keeps_result() && !self.is_tested() {
            return self.exit(thread, state, result, Vec::new(), state.next);
        }
        let Some(input) = self.thread(thread).map(|current| current.input.clone()) else {
            return Ok(());
        };
        let result = self.evaluate(thread, input.value(), Extra::default(), |scope| {
            state.flow.result(result, scope)
        })?;
        if self.is_tested() && state.flow.is_jsonpath() {
            self.inspect("afterResultSelector", &result);
            let combined = self.evaluate(thread, input.value(), Extra::default(), |_| {
                state.flow.combined(&input, result.clone())
            })?;
            self.inspect("afterResultPath", &combined);
        }
        let assigned = self.evaluate(thread, input.value(), Extra::default(), |scope| {
            state.flow.assign(&result, scope)
        })?;
        let output = self.evaluate(thread, input.value(), Extra::default(), |scope| {
            state.flow.output(&input, result, scope)
        })?;
        self.exit(thread, state, output, assigned, state.next)
    }

    /// Records that the state is left, and goes on.
    pub(crate) fn exit(
        &mut self,
        thread: ThreadId,
        state: &State,
        output: Payload,
        assigned: Assigned,
        transition: Transition,
    ) -> Result<(), Failure> {
        limit(&output, &state.name)?;
        let (name, text) = (state.name.clone(), output.text().clone());
        let details = if assigned.is_empty() {
            Details::Exited { name, output: text }
        } else {
            let texts = assigned
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string().into()))
                .collect();
            let details = EventDetails {
                assigned_variables: Some(texts),
                assigned_variables_details: Some(Truncated::default()),
                ..EventDetails::named(&name).with_output(&text)
            };
            Details::from(details)
        };
        if let Some(current) = self.threads.get_mut(&thread) {
            let event_type = exited(state.state_type());
            current.last_event =
                self.history
                    .push(self.now, event_type, current.last_event, details);
            for (name, value) in assigned {
                current.variables.insert(name, value.into());
            }
            if let Transition::Next(next) = transition {
                current.state = next;
                current.input = output;
                current.visit = None;
                self.ready.push_back(thread);
                self.end_test(thread, transition);
                return Ok(());
            }
        }
        self.end_test(thread, transition);
        self.complete(thread, output);
        Ok(())
    }

    /// The thread has come to its end.
    fn complete(&mut self, thread: ThreadId, output: Payload) {
        let Some(ended) = self.threads.remove(&thread) else {
            return;
        };
        let Some((parent, branch)) = ended.parent else {
            let status = Status::Succeeded {
                output: output.text().clone(),
            };
            let details = EventDetails::default().with_output(output.text());
            self.end(
                status,
                EventType::ExecutionSucceeded,
                ended.last_event,
                details,
            );
            return;
        };
        let machine = Arc::clone(&self.machine);
        let Some(state) = self
            .threads
            .get(&parent)
            .map(|parent| machine.state(parent.state))
        else {
            return;
        };
        match &state.kind {
            Kind::Map(map) => {
                map.iteration_succeeded(self, parent, state, branch, output, ended.last_event)
            }
            Kind::Parallel(parallel) => {
                parallel.branch_succeeded(self, parent, branch, output, ended.last_event)
            }
            _ => {}
        }
    }

    /// All branches of the thread's state are done. It goes on before anything else does.
    pub(crate) fn join(&mut self, thread: ThreadId, result: Payload) {
        self.set_work(thread, Work::Joined(result));
        self.ready.push_front(thread);
    }
}

fn entered(state_type: StateType) -> EventType {
    match state_type {
        StateType::Task => EventType::TaskStateEntered,
        StateType::Pass => EventType::PassStateEntered,
        StateType::Wait => EventType::WaitStateEntered,
        StateType::Choice => EventType::ChoiceStateEntered,
        StateType::Succeed => EventType::SucceedStateEntered,
        StateType::Fail => EventType::FailStateEntered,
        StateType::Parallel => EventType::ParallelStateEntered,
        StateType::Map => EventType::MapStateEntered,
    }
}

/// A Fail state is never left; it counts as entered.
fn exited(state_type: StateType) -> EventType {
    match state_type {
        StateType::Task => EventType::TaskStateExited,
        StateType::Pass => EventType::PassStateExited,
        StateType::Wait => EventType::WaitStateExited,
        StateType::Choice => EventType::ChoiceStateExited,
        StateType::Succeed => EventType::SucceedStateExited,
        StateType::Fail => EventType::FailStateEntered,
        StateType::Parallel => EventType::ParallelStateExited,
        StateType::Map => EventType::MapStateExited,
    }
}
