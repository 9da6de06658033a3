//! The end of a Map run: its results handed on or written, or its failure. What the driver answers about reading and writing
//! arrives here too.

use super::super::Map;
use super::children::stop_children;
use super::{Distributed, source_of};
use crate::errors::{
    DATA_LIMIT_EXCEEDED, EXCEED_TOLERATED_FAILURE_THRESHOLD, Failure, ITEM_READER_FAILED,
    RESULT_WRITER_FAILED, RUNTIME,
};
use crate::execution::{Execution, MapRunPhase, ThreadId, Work};
use crate::history::{Details, EventDetails};
use crate::map_run::MapRunStatus;
use crate::payload::Payload;
use crate::states::task::Outcome;
use crate::{Effect, EventType, Text};

impl Distributed {
    /// All children are done.
    pub(super) fn write(&self, execution: &mut Execution, thread: ThreadId) -> Result<(), Failure> {
        if self.writer.is_some() && self.export(execution, thread, false)? {
            return Ok(());
        }
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let outputs: Vec<Payload> = running.outputs.drain(..).flatten().collect();
        let result = match &self.writer {
            None => Payload::list(outputs),
            Some(writer) => writer.shape(outputs),
        };
        self.succeed(execution, thread, result);
        Ok(())
    }

    /// Has the driver write the results; `false` if they are not exported.
    pub(super) fn export(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        exceeded: bool,
    ) -> Result<bool, Failure> {
        let (Some(writer), Some(Work::MapRun(running))) =
            (&self.writer, execution.work_mut(thread))
        else {
            return Ok(false);
        };
        let (run, input) = (running.run, running.input.clone());
        let pending = running.inputs[running.next..].to_vec();
        let arn = execution.map_runs()[run].arn.clone();
        let task = execution.task_id();
        let Some(mut request) = writer.request(execution, thread, &input, &arn, task)? else {
            return Ok(false);
        };
        request.pending = pending;
        execution.expect(task, thread);
        if let Some(Work::MapRun(running)) = execution.work_mut(thread) {
            running.phase = MapRunPhase::Writing {
                request: request.clone(),
                exceeded,
            };
        }
        execution.ask(Effect::WriteResults(request));
        Ok(true)
    }

    /// The driver has read the items or written the results, or could not.
    pub(in crate::states::map) fn arrived(
        &self,
        map: &Map,
        execution: &mut Execution,
        thread: ThreadId,
        outcome: Outcome,
    ) -> Result<(), Failure> {
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        let (run, phase) = (running.run, running.phase.clone());
        let (task, source) = match &phase {
            MapRunPhase::Reading(request) => (request.task, Some(source_of(&request.arguments))),
            MapRunPhase::Writing { request, .. } => (request.task, None),
            MapRunPhase::Running => return Ok(()),
        };
        let answer = match outcome {
            Outcome::Succeeded { output } => Ok(output),
            Outcome::Failed { error, cause } => Err(Failure {
                error: error.map(Text::from),
                cause: cause.map(Text::from),
            }),
            _ => return Ok(()),
        };
        execution.forget(task);
        let outcome = match (answer, phase, source) {
            (Err(failure), MapRunPhase::Reading(_), _) => Err(named(failure, ITEM_READER_FAILED)),
            (Err(failure), ..) => Err(named(failure, RESULT_WRITER_FAILED)),
            (Ok(items), MapRunPhase::Reading(_), Some(source)) => {
                self.begin(map, execution, thread, items, &source)
            }
            (Ok(_), MapRunPhase::Writing { exceeded: true, .. }, _) => Err(exceeded()),
            (Ok(output), ..) => {
                execution.change_map_run(run, |run| {
                    for counts in [&mut run.item_counts, &mut run.execution_counts] {
                        counts.results_written =
                            counts.succeeded + counts.failed + counts.timed_out;
                    }
                });
                self.succeed(execution, thread, Payload::from(output));
                Ok(())
            }
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }

    fn succeed(&self, execution: &mut Execution, thread: ThreadId, result: Payload) {
        if let Some(Work::MapRun(running)) = execution.work_mut(thread) {
            let run = running.run;
            execution.end_map_run(run, MapRunStatus::Succeeded);
        }
        execution.record(thread, EventType::MapRunSucceeded, Details::None);
        execution.join(thread, result);
    }
}

/// The Map run has failed, and says so. What its children have done is kept for a redrive.
pub(super) fn fail(
    execution: &mut Execution,
    thread: ThreadId,
    run: usize,
    failure: Failure,
) -> Failure {
    stop_children(execution, thread, run);
    execution.end_map_run(run, MapRunStatus::Failed);
    // After these a redrive begins a new Map run, on AWS too.
    let anew = [DATA_LIMIT_EXCEEDED, RUNTIME];
    let kept = failure
        .error
        .as_deref()
        .is_none_or(|error| !anew.contains(&error));
    match execution.work_mut(thread) {
        Some(Work::MapRun(running)) if kept && running.has_children() => {
            running.phase = MapRunPhase::Running;
        }
        _ => execution.set_work(thread, Work::Begun),
    }
    let details = EventDetails::failure(failure.error.as_deref(), failure.cause.as_deref());
    execution.record(thread, EventType::MapRunFailed, details);
    failure
}

pub(super) fn exceeded() -> Failure {
    Failure::new(
        EXCEED_TOLERATED_FAILURE_THRESHOLD,
        "The specified tolerated failure threshold was exceeded",
    )
}

/// What the driver reports goes by one name, whatever the reason.
fn named(failure: Failure, name: &str) -> Failure {
    Failure {
        error: Some(name.into()),
        ..failure
    }
}
