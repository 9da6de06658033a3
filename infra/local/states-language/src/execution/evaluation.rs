//! Evaluates expressions in the name of a thread, and puts AWS's words around what fails.

use std::cell::OnceCell;

use serde_json::Value;

use super::{Execution, ThreadId};
use crate::context::Context;
use crate::data_flow::FlowError;
use crate::errors::{DATA_LIMIT_EXCEEDED, Failure, RUNTIME};
use crate::payload::Payload;
use crate::scope::{MapItem, Scope};
use crate::{EventDetails, EventType};

/// What AWS allows, in bytes of UTF-8.
pub(crate) const LARGEST_PAYLOAD: usize = 262_144;

/// What only some expressions see of the context object.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extra<'a> {
    pub(crate) token: Option<&'a str>,
    /// The item that an item selector is about.
    pub(crate) item: Option<MapItem<'a>>,
}

impl Execution {
    /// Evaluates something over an input.
    pub(crate) fn evaluate<R>(
        &mut self,
        thread: ThreadId,
        input: &Value,
        extra: Extra<'_>,
        evaluate: impl FnOnce(&mut Scope<'_>) -> Result<R, FlowError>,
    ) -> Result<R, Failure> {
        self.evaluate_over(thread, Some(input), extra, evaluate)
    }

    /// Evaluates something over an input, or else over that of the thread's state.
    pub(crate) fn evaluate_over<R>(
        &mut self,
        thread: ThreadId,
        input: Option<&Value>,
        extra: Extra<'_>,
        evaluate: impl FnOnce(&mut Scope<'_>) -> Result<R, FlowError>,
    ) -> Result<R, Failure> {
        let Self {
            machine,
            threads,
            identity,
            input: execution_input,
            random,
            now,
            surroundings,
            ..
        } = self;
        let Some(current) = threads.get(&thread) else {
            return Err(Failure::new(RUNTIME, "the thread of control has ended"));
        };
        let state = machine.state(current.state);
        let visit = current.visit.as_ref();
        let retried = visit.map_or(0, |visit| visit.retried.iter().sum::<u64>());
        let test = surroundings.test.as_ref();
        let retried = retried + test.map_or(0, |test| test.retried);
        let given = test.and_then(|test| test.context.clone()).map(Box::new);
        let context = Context {
            identity,
            execution_input: execution_input.value(),
            state: &state.name,
            entered: visit.map_or(*now, |visit| visit.entered_at),
            retry_count: state.state_type().can_retry().then_some(retried),
            token: extra.token,
            item: extra.item.or_else(|| {
                current
                    .item
                    .as_ref()
                    .map(|(index, value)| MapItem::inline(*index, value))
            }),
            made: given.map_or_else(OnceCell::new, OnceCell::from),
        };
        let mut scope = Scope {
            input: input.unwrap_or_else(|| current.input.value()),
            result: None,
            error_output: None,
            context: &context,
            variables: &current.variables,
            random,
            now: *now,
        };
        evaluate(&mut scope).map_err(|error| self.evaluation_failed(thread, &error))
    }

    /// A failed evaluation as the failure of the thread's state; JSONata's has an event of its own.
    fn evaluation_failed(&mut self, thread: ThreadId, error: &FlowError) -> Failure {
        let failure = self.explained(thread, error);
        let (Some(location), Some(current)) = (&error.location, self.threads.get(&thread)) else {
            return failure;
        };
        let details = EventDetails {
            state: Some(self.machine.state(current.state).name.clone()),
            location: Some(location.as_str().into()),
            ..EventDetails::failure(failure.error.as_deref(), failure.cause.as_deref())
        };
        // A state that fails as it is entered fails beside its entry, not after it.
        let last = current.last_event;
        let entered = current.visit.as_ref().map(|visit| visit.entered_event);
        let entry = self
            .history()
            .iter()
            .rev()
            .find(|event| event.id == last && entered == Some(last));
        let previous = entry.map_or(last, |event| event.previous_event_id);
        let id = self.push(EventType::EvaluationFailed, previous, details);
        self.set_last_event(thread, id);
        failure
    }

    /// A failed evaluation as the failure of the thread's state.
    pub(crate) fn explained(&self, thread: ThreadId, error: &FlowError) -> Failure {
        let Some(current) = self.threads.get(&thread) else {
            return Failure::new(error.name, error.message.as_str());
        };
        let name = &self.machine.state(current.state).name;
        let entered = current
            .visit
            .as_ref()
            .map_or(0, |visit| visit.entered_event);
        Failure::new(
            error.name,
            format!(
                "An error occurred while executing the state '{name}' (entered at the event id #{entered}). {}",
                error.message
            ),
        )
    }

    /// A failure that nothing can retry or catch.
    pub(crate) fn runtime_failure(&self, thread: ThreadId, message: impl Into<String>) -> Failure {
        let error = FlowError {
            name: RUNTIME,
            message: message.into(),
            location: None,
        };
        self.explained(thread, &error)
    }
}

/// A failure if the payload is larger than AWS allows. `what` is the state, or the resource that returned it.
#[inline]
pub(crate) fn limit(payload: &Payload, what: &str) -> Result<(), Failure> {
    if payload.size() <= LARGEST_PAYLOAD {
        return Ok(());
    }
    Err(Failure::new(
        DATA_LIMIT_EXCEEDED,
        format!(
            "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
        ),
    ))
}
