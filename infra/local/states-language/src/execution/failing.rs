//! What a failure of a state leads to: a retry, a catch, or the failure of the thread, and then of the state that started it.

use std::sync::Arc;

use super::{Execution, Extra, Purpose, Status, Thread, ThreadId, Work};
use crate::errors::{self, Catcher, Failure, RUNTIME};
use crate::history::Details;
use crate::machine::{State, StateType, Transition};
use crate::states::Kind;
use crate::{Effect, EventDetails, EventType, Text};

impl Execution {
    /// The thread's state has failed.
    pub(crate) fn fail(&mut self, mut thread: ThreadId, mut failure: Failure) {
        let machine = Arc::clone(&self.machine);
        self.fallen.clear();
        self.inspect_value("failure", || failure.output());
        while let Some(current) = self.threads.get(&thread) {
            let state = machine.state(current.state);
            if failure.is_runtime() {
                // It is not for the states around it to handle, nor for them to say that they have failed.
                let last_event = current.last_event;
                self.end_failed(&failure, last_event);
                return;
            }
            if self.retry(thread, state, &failure) {
                return;
            }
            let failed = match state.state_type() {
                StateType::Map => Some(EventType::MapStateFailed),
                StateType::Parallel => Some(EventType::ParallelStateFailed),
                _ => None,
            };
            if let Some(failed) = failed {
                self.record(thread, failed, Details::None);
            }
            if let Some(catcher) = errors::catcher(&state.catchers, &failure) {
                match self.catch(thread, state, catcher, &failure) {
                    Ok(()) => return,
                    // The catch itself has failed; nothing catches that.
                    Err(second) => failure = second,
                }
            }
            let Some(ended) = self.threads.remove(&thread) else {
                return;
            };
            let last_event = ended.last_event;
            let parent = ended.parent;
            self.fallen.push((thread, ended));
            let Some((parent, branch)) = parent else {
                self.end_failed(&failure, last_event);
                return;
            };
            let Some(outer) = self
                .threads
                .get(&parent)
                .map(|parent| machine.state(parent.state))
            else {
                return;
            };
            if let Kind::Map(map) = &outer.kind {
                match map.iteration_failed(self, parent, outer, branch, &failure, last_event) {
                    None => return,
                    Some(consequence) => failure = consequence,
                }
            }
            self.abort_branches(parent);
            self.set_last_event(parent, last_event);
            thread = parent;
        }
    }

    /// Whether the state is tried again, now or later.
    fn retry(&mut self, thread: ThreadId, state: &State, failure: &Failure) -> bool {
        let Some((position, retrier)) = errors::retrier(&state.retriers, failure) else {
            return false;
        };
        let Some(visit) = self
            .threads
            .get_mut(&thread)
            .and_then(|thread| thread.visit.as_mut())
        else {
            return false;
        };
        let before = self
            .surroundings
            .test
            .as_ref()
            .map_or(0, |test| test.retried);
        let retried = visit.retried[position] + before;
        let attempted = retried >= retrier.max_attempts;
        if !attempted {
            visit.retried[position] += 1;
        }
        self.inspect_failure("retryIndex", position as u64);
        if attempted {
            return false;
        }
        let delay = retrier.delay_milliseconds(retried, &mut self.random);
        self.inspect_failure("retryBackoffIntervalSeconds", delay.unsigned_abs() / 1000);
        let timer = self.set_timer(delay, Purpose::Retry(thread));
        self.set_work(thread, Work::Retry(timer));
        true
    }

    /// The delay before a retry is over.
    pub(super) fn retry_now(&mut self, thread: ThreadId) {
        let machine = Arc::clone(&self.machine);
        let Some(state) = self
            .threads
            .get(&thread)
            .map(|current| machine.state(current.state))
        else {
            return;
        };
        self.set_work(thread, Work::Begun);
        if let Err(failure) = state.kind.run(self, thread, state) {
            self.fail(thread, failure);
        }
    }

    fn catch(
        &mut self,
        thread: ThreadId,
        state: &State,
        catcher: &Catcher,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let Some(input) = self.thread(thread).map(|current| current.input.clone()) else {
            return Ok(());
        };
        let position = state
            .catchers
            .iter()
            .position(|other| std::ptr::eq(other, catcher));
        self.inspect_failure("catchIndex", position.unwrap_or_default() as u64);
        let (output, assigned) =
            self.evaluate(thread, input.value(), Extra::default(), |scope| {
                catcher.exit.caught(&input, failure.output(), scope)
            })?;
        self.exit(
            thread,
            state,
            output,
            assigned,
            Transition::Next(catcher.next()),
        )
    }

    fn end_failed(&mut self, failure: &Failure, previous_event: u32) {
        let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
        let status = Status::Failed {
            error: error.map(str::to_owned),
            cause: cause.map(str::to_owned),
        };
        self.end(
            status,
            EventType::ExecutionFailed,
            previous_event,
            EventDetails::failure(error, cause),
        );
    }

    pub(super) fn fail_for_its_history(&mut self) {
        let last = self.history().last().map_or(0, |event| event.id);
        let cause = format!(
            "The execution reached the maximum number of history events ({}).",
            crate::history::LONGEST_HISTORY
        );
        self.end_failed(&Failure::new(RUNTIME, cause), last);
    }

    pub(super) fn time_out(&mut self) {
        self.fallen.clear();
        let status = Status::TimedOut {
            error: None,
            cause: None,
        };
        self.end(
            status,
            EventType::ExecutionTimedOut,
            0,
            EventDetails::failure(Some(errors::TIMEOUT), None),
        );
    }

    pub(super) fn stop(&mut self, error: Option<String>, cause: Option<String>) {
        self.fallen.clear();
        let details = EventDetails::failure(error.as_deref(), cause.as_deref());
        self.end(
            Status::Aborted { error, cause },
            EventType::ExecutionAborted,
            0,
            details,
        );
    }

    /// Ends whatever still runs in the branches or iterations of the thread's state, innermost first.
    pub(crate) fn abort_branches(&mut self, parent: ThreadId) {
        let mut found = vec![parent];
        let mut position = 0;
        while let Some(outer) = found.get(position).copied() {
            let children = self
                .threads
                .iter()
                .filter(|(_, thread)| thread.parent.is_some_and(|(of, _)| of == outer));
            found.extend(children.map(|(id, _)| *id));
            position += 1;
        }
        for id in found.into_iter().skip(1).rev() {
            if let Some(thread) = self.threads.remove(&id) {
                self.abort(&thread);
                self.fallen.push((id, thread));
            }
        }
    }

    fn abort(&mut self, thread: &Thread) {
        let machine = Arc::clone(&self.machine);
        let event = match machine.state(thread.state).state_type() {
            StateType::Task => Some(EventType::TaskStateAborted),
            StateType::Wait => Some(EventType::WaitStateAborted),
            StateType::Parallel => Some(EventType::ParallelStateAborted),
            StateType::Map => Some(EventType::MapStateAborted),
            _ => None,
        };
        if let (Some(visit), Some(event)) = (&thread.visit, event) {
            if let Work::MapRun(_) = &visit.work {
                self.push(EventType::MapRunAborted, thread.last_event, Details::None);
            }
            self.push(event, thread.last_event, Details::None);
            match &visit.work {
                Work::Task(task) => {
                    let task = task.clone();
                    self.release(&task);
                    self.effects.push(Effect::CancelTask {
                        task: task.start.task,
                    });
                }
                Work::Wait(timer) | Work::Retry(timer) => self.cancel_timer(*timer),
                Work::MapRun(running) => self.drop_map_run(running),
                _ => {}
            }
        }
        let Some((parent, index)) = thread.parent else {
            return;
        };
        let outer = self
            .threads
            .get(&parent)
            .map(|parent| machine.state(parent.state));
        if let Some(outer) = outer.filter(|outer| outer.state_type() == StateType::Map) {
            let details = Details::Iteration {
                name: Text::from(outer.name()),
                index: index as u64,
            };
            self.push(EventType::MapIterationAborted, thread.last_event, details);
        }
    }
}
