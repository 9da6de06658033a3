//! Redriving a Map run: the children that did not succeed are redriven, those that had not begun are started, and what has
//! succeeded stays. [`crate::Execution::redrive`] comes here for the state of a Map run whose items are known.

use super::Distributed;
use super::results::fail;
use crate::EventType;
use crate::errors::Failure;
use crate::execution::{Execution, MapRunPhase, ThreadId, Work};
use crate::history::EventDetails;
use crate::map_run::MapRunStatus;

/// What AWS allows for one Map run.
const MOST_REDRIVES: u64 = 1000;

impl Distributed {
    pub(in crate::states::map) fn redrive(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
    ) -> Result<(), Failure> {
        let Some(Work::MapRun(running)) = execution.work_mut(thread) else {
            return Ok(());
        };
        running.set_aside();
        running.phase = MapRunPhase::Running;
        running.waiting = std::mem::take(&mut running.unsuccessful);
        for index in running.waiting.keys() {
            running.outputs[*index] = None;
        }
        let items = running.waiting.keys().map(|index| running.items[*index]);
        let (items, children) = (items.sum(), running.waiting.len() as u64);
        let (run, now) = (running.run, execution.now());
        execution.change_map_run(run, |run| {
            run.status = MapRunStatus::Running;
            run.ended_at = None;
            run.redrive_count += 1;
            run.redriven_at = Some(now);
            let kinds = [
                (&mut run.item_counts, items),
                (&mut run.execution_counts, children),
            ];
            for (counts, waiting) in kinds {
                counts.failed = counts.failures_not_redrivable;
                counts.timed_out = 0;
                counts.aborted = 0;
                counts.pending_redrive = waiting;
            }
        });
        let map_run = &execution.map_runs()[run];
        let count = map_run.redrive_count;
        let details = EventDetails {
            map_run_arn: Some(map_run.arn.as_str().into()),
            redrive_count: Some(count),
            ..EventDetails::default()
        };
        execution.record(thread, EventType::MapRunRedriven, details);
        let outcome = if count > MOST_REDRIVES {
            let message = format!("A Map run can be redriven {MOST_REDRIVES} times");
            Err(execution.runtime_failure(thread, message))
        } else if execution.map_runs()[run].exceeds_tolerance() {
            self.give_up(execution, thread, run)
        } else {
            self.go_on(execution, thread)
        };
        outcome.map_err(|failure| fail(execution, thread, run, failure))
    }
}
