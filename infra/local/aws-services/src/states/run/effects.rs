//! What an execution asks for, carried out: timers, tasks, children. [`StepFunctions::drive`] hands every effect over.

use std::sync::Arc;

use states_language::{Arrival, Effect};
use tokio::task::AbortHandle;
use virtual_time::{Ticket, Work};

use super::{Run, RunState};
use crate::acting;
use crate::origin::Origin;
use crate::states::{StepFunctions, names};

impl StepFunctions {
    /// Children of the type EXPRESS can be looked at for as long as their parent runs.
    pub(super) fn forget_children(&self, parent: &Run) {
        if parent.with_execution(|execution| execution.map_runs().is_empty()) {
            return;
        }
        self.runs
            .lock()
            .retain(|_, run| run.kept || run.parent.as_deref() != Some(parent.arn.as_str()));
    }

    /// Executions that nobody waits for any more are stopped, as Step Functions does when it can.
    pub(in crate::states) fn stop_children(self: &Arc<Self>, children: Vec<String>, work: &Work) {
        for child in children {
            let run = self.runs.lock().get(&child).cloned();
            let stop = Arrival::Stop {
                error: None,
                cause: Some("the execution that waited for this one has given up".to_owned()),
            };
            if let Some(run) = run {
                self.drive(&run, Some(stop), work);
            }
        }
    }

    pub(super) fn call_off(&self, (ticket, task): (Ticket, AbortHandle)) {
        self.context.clock.call_off(ticket);
        task.abort();
    }

    /// Carries out one effect; returns the execution that it leaves without anybody who waits for it.
    pub(super) fn carry_out(
        self: &Arc<Self>,
        run: &Arc<Run>,
        state: &mut RunState,
        effect: Effect,
        work: &Work,
    ) -> Option<String> {
        let (service, run, work) = (Arc::clone(self), Arc::clone(run), work.clone());
        match effect {
            Effect::SetTimer { timer, at } => {
                // Set and called off at once: the clock must never jump to a deadline that nobody waits for any more.
                let alarm = self.context.clock.alarm(at);
                let ticket = alarm.ticket();
                // A timer alone keeps neither the service nor the execution.
                let (service, run) = (Arc::downgrade(&service), Arc::downgrade(&run));
                let task = tokio::spawn(async move {
                    drop(work);
                    let work = alarm.rings().await;
                    if let (Some(service), Some(run)) = (service.upgrade(), run.upgrade()) {
                        service.drive(&run, Some(Arrival::Timer { timer }), &work);
                    }
                });
                state.timers.insert(timer, (ticket, task.abort_handle()));
            }
            Effect::CancelTimer { timer } => {
                if let Some(timer) = state.timers.remove(&timer) {
                    self.call_off(timer);
                }
            }
            Effect::StartTask(start) => {
                // Nothing stops a call that is under way, as on AWS: a function goes on after its task has timed out or its
                // execution was stopped. What it answers is then not awaited any more.
                let origin = Arc::new(Origin {
                    execution_arn: run.arn.clone(),
                    state_machine: names::name_of(&run.machine_arn).to_owned(),
                    state: start.state_name.clone(),
                    arguments: start.arguments.to_string(),
                });
                let role = state.execution.identity().role_arn.clone();
                tokio::spawn(async move {
                    let performed = origin.within(service.perform(&run, start, work));
                    let performed = acting::under(role, performed);
                    if let Some((arrival, work)) = performed.await {
                        service.drive(&run, Some(arrival), &work);
                    }
                });
            }
            Effect::ReadItems(request) => {
                let role = state.execution.identity().role_arn.clone();
                tokio::spawn(async move {
                    let read = acting::under(role, service.read_items(request, work));
                    if let Some((arrival, work)) = read.await {
                        service.drive(&run, Some(arrival), &work);
                    }
                });
            }
            Effect::StartChild(start) => {
                tokio::spawn(async move {
                    if let Some((arrival, work)) = service.run_child(&run, start, work).await {
                        service.drive(&run, Some(arrival), &work);
                    }
                });
            }
            Effect::WriteResults(request) => {
                let role = state.execution.identity().role_arn.clone();
                tokio::spawn(async move {
                    let written = acting::under(role, service.write_results(request, work));
                    if let Some((arrival, work)) = written.await {
                        service.drive(&run, Some(arrival), &work);
                    }
                });
            }
            Effect::CancelTask { task } => return state.children.remove(&task),
        }
        None
    }
}
