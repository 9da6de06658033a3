//! The children of a Map run: which may start, what becomes of them, and when too many have failed.

use serde_json::Value;

use super::results::{exceeded, fail};
use super::{Distributed, MOST_CONCURRENT};
use crate::errors::Failure;
use crate::execution::{Execution, MapRunPhase, ThreadId, Work};
use crate::map_effects::StartChild;
use crate::payload::Payload;
use crate::{Effect, Status, TaskId, Text};

impl Distributed {
    /// Starts the children that may run; when all are done, writes the results or hands them on.
    pub(super) fn go_on(&self, execution: &mut Execution, thread: ThreadId) -> Result<(), Failure> {
        loop {
            let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
                return Ok(());
            };
            let (run, at_once) = (running.run, running.children.len());
            let next = match running.waiting.keys().next() {
                Some(again) => *again,
                None => running.next,
            };
            if next >= running.inputs.len() {
                if at_once > 0 {
                    return Ok(());
                }
                break;
            }
            let most = match execution.map_runs()[run].limits.max_concurrency {
                0 => MOST_CONCURRENT,
                some => usize::try_from(some)
                    .unwrap_or(MOST_CONCURRENT)
                    .min(MOST_CONCURRENT),
            };
            if at_once >= most {
                return Ok(());
            }
            self.start_child(execution, thread, run, next);
        }
        self.write(execution, thread)
    }

    /// Starts a child, or has it redriven if it waits for that.
    fn start_child(&self, execution: &mut Execution, thread: ThreadId, run: usize, index: usize) {
        let task = execution.task_id();
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return;
        };
        let earlier = running.waiting.remove(&index);
        let redriven = earlier.is_some();
        let start = match earlier {
            Some(earlier) => StartChild {
                task,
                redriven,
                ..earlier
            },
            None => self.new_child(execution, thread, run, index, task),
        };
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return;
        };
        if !redriven {
            running.next += 1;
        }
        running.children.insert(task, (index, start.clone()));
        let items = running.items[index];
        execution.change_map_run(run, |run| {
            run.count(items, |counts, number| {
                let waited = match redriven {
                    true => &mut counts.pending_redrive,
                    false => &mut counts.pending,
                };
                *waited -= number;
                counts.running += number;
            });
        });
        execution.expect(task, thread);
        execution.ask(Effect::StartChild(start));
    }

    fn new_child(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        run: usize,
        index: usize,
        task: TaskId,
    ) -> StartChild {
        let (name, seed) = (execution.uuid(), execution.seed());
        let input = match execution.work_mut(thread) {
            Some(Work::MapRun(running)) => running.inputs[index].clone(),
            _ => Text::from("null"),
        };
        let map_run = &execution.map_runs()[run];
        StartChild {
            task,
            state: map_run.state,
            map_run_arn: map_run.arn.clone(),
            label: map_run.label.clone(),
            child_type: self.child_type,
            name,
            input,
            seed,
            redriven: false,
        }
    }

    /// A child execution has ended. One that did not succeed is redriven with its Map run, if it can be.
    pub(in crate::states::map) fn child_ended(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        task: TaskId,
        status: &Status,
        redrivable: bool,
    ) -> Result<(), Failure> {
        execution.forget(task);
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let Some((index, start)) = running.children.remove(&task) else {
            return Ok(());
        };
        let (run, items) = (running.run, running.items[index]);
        let succeeded = matches!(status, Status::Succeeded { .. });
        if !succeeded && redrivable {
            running.unsuccessful.insert(index, start);
        }
        running.outputs[index] = Some(output_of(status));
        execution.change_map_run(run, |run| {
            run.count(items, |counts, number| {
                counts.running -= number;
                match status {
                    Status::Succeeded { .. } => counts.succeeded += number,
                    // What cannot be redriven counts as failed for good.
                    _ if !redrivable => {
                        counts.failed += number;
                        counts.failures_not_redrivable += number;
                    }
                    Status::TimedOut { .. } => counts.timed_out += number,
                    Status::Aborted { .. } => counts.aborted += number,
                    Status::Failed { .. } | Status::Running => counts.failed += number,
                }
            });
        });
        let outcome = if execution.map_runs()[run].exceeds_tolerance() {
            self.give_up(execution, thread, run)
        } else {
            self.go_on(execution, thread)
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }

    /// Too much has failed: stops what runs; results are written all the same, as far as there are any.
    pub(super) fn give_up(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        run: usize,
    ) -> Result<(), Failure> {
        stop_children(execution, thread, run);
        if self.writer.is_some() && self.export(execution, thread, true)? {
            return Ok(());
        }
        Err(exceeded())
    }

    /// Its limits have been changed from outside.
    pub(in crate::states::map) fn limits_changed(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
    ) -> Result<(), Failure> {
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let run = running.run;
        if !matches!(running.phase, MapRunPhase::Running) {
            return Ok(());
        }
        let outcome = if execution.map_runs()[run].exceeds_tolerance() {
            self.give_up(execution, thread, run)
        } else {
            self.go_on(execution, thread)
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }
}

/// What stands for a child in the list of the outputs.
fn output_of(status: &Status) -> Payload {
    let (error, cause) = match status {
        Status::Succeeded { output } => {
            return Payload::read(output)
                .unwrap_or_else(|_| Payload::from(Value::String(output.to_string())));
        }
        Status::Failed { error, cause }
        | Status::TimedOut { error, cause }
        | Status::Aborted { error, cause } => (error.as_deref(), cause.as_deref()),
        Status::Running => (None, None),
    };
    let failure = Failure {
        error: error.map(Text::from),
        cause: cause.map(Text::from),
    };
    Payload::from(failure.output())
}

/// Lets go of all that a Map run waits for.
pub(super) fn stop_children(execution: &mut Execution, thread: ThreadId, run: usize) {
    let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
        return;
    };
    let mut tasks: Vec<TaskId> = running.children.keys().copied().collect();
    match &running.phase {
        MapRunPhase::Reading(request) => tasks.push(request.task),
        MapRunPhase::Writing { request, .. } => tasks.push(request.task),
        MapRunPhase::Running => {}
    }
    let stopped = running.children.len() as u64;
    let items = running.set_aside();
    execution.change_map_run(run, |run| {
        run.item_counts.running -= items;
        run.item_counts.aborted += items;
        run.execution_counts.running -= stopped;
        run.execution_counts.aborted += stopped;
    });
    for task in tasks {
        if execution.forget(task) {
            execution.cancel_task(task);
        }
    }
}
