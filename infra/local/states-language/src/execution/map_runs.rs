//! The Map runs of an execution: kept until the execution is forgotten, because DescribeMapRun shows them after their end.

use std::sync::Arc;

use super::{Execution, MapRunPhase, RunningMapRun, Work};
use crate::Effect;
use crate::map_run::{MapRun, MapRunLimits, MapRunStatus};
use crate::states::Kind;

impl Execution {
    /// The runs of distributed Map states, in the order in which they began.
    pub fn map_runs(&self) -> &[MapRun] {
        &self.map_runs
    }

    /// Keeps a new Map run; answers its place.
    pub(crate) fn add_map_run(&mut self, run: MapRun) -> usize {
        self.map_runs.push(run);
        self.map_runs.len() - 1
    }

    pub(crate) fn change_map_run(&mut self, run: usize, change: impl FnOnce(&mut MapRun)) {
        if let Some(run) = self.map_runs.get_mut(run) {
            change(run);
        }
    }

    pub(crate) fn end_map_run(&mut self, run: usize, status: MapRunStatus) {
        let now = self.now;
        self.change_map_run(run, |run| {
            run.status = status;
            run.ended_at = Some(now);
        });
    }

    /// The execution has ended: whatever still ran has been stopped.
    pub(super) fn abort_map_runs(&mut self) {
        for run in 0..self.map_runs.len() {
            if self.map_runs[run].status == MapRunStatus::Running {
                self.abort_map_run(run);
            }
        }
    }

    /// The state of the Map run has been aborted.
    pub(super) fn drop_map_run(&mut self, running: &RunningMapRun) {
        for effect in outstanding(running) {
            let task = match &effect {
                Effect::StartChild(start) => start.task,
                Effect::ReadItems(request) => request.task,
                Effect::WriteResults(request) => request.task,
                _ => continue,
            };
            if self.forget(task) {
                self.cancel_task(task);
            }
        }
        self.abort_map_run(running.run);
    }

    fn abort_map_run(&mut self, run: usize) {
        self.change_map_run(run, |run| {
            for counts in [&mut run.item_counts, &mut run.execution_counts] {
                counts.aborted += std::mem::take(&mut counts.running);
            }
        });
        self.end_map_run(run, MapRunStatus::Aborted);
    }

    /// UpdateMapRun. Whether there is such a run, and it runs.
    pub(super) fn limit_map_run(&mut self, arn: &str, limits: MapRunLimits) -> bool {
        let running = |run: &MapRun| run.arn == arn && run.status == MapRunStatus::Running;
        let Some(run) = self.map_runs.iter().position(running) else {
            return false;
        };
        self.map_runs[run].limits = limits;
        let thread = self.threads.iter().find_map(|(id, thread)| {
            matches!(thread.work(), Some(Work::MapRun(running)) if running.run == run)
                .then_some((*id, thread.state))
        });
        let machine = Arc::clone(&self.machine);
        if let Some((thread, state)) = thread
            && let Kind::Map(map) = &machine.state(state).kind
            && let Err(failure) = map.limits_changed(self, thread)
        {
            self.fail(thread, failure);
        }
        true
    }
}

/// What the driver still has to do for a Map run.
pub(super) fn outstanding(running: &RunningMapRun) -> Vec<Effect> {
    let children = running
        .children
        .values()
        .map(|(_, start)| Effect::StartChild(start.clone()));
    match &running.phase {
        MapRunPhase::Reading(request) => vec![Effect::ReadItems(request.clone())],
        MapRunPhase::Running => children.collect(),
        MapRunPhase::Writing { request, .. } => vec![Effect::WriteResults(request.clone())],
    }
}
