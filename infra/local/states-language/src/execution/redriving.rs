//! Redriving: an execution that failed, timed out or was stopped goes on from where it was. What has succeeded is not run
//! again; every state that had not is run anew, its retries and timeouts with it, except that the Map run of a distributed Map
//! goes on with the children that had not succeeded.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Execution, Purpose, Status, ThreadId, Work, seconds_milliseconds};
use crate::history::LONGEST_HISTORY;
use crate::machine::StateType;
use crate::states::Kind;
use crate::{EventDetails, EventType};

impl Execution {
    /// Goes on after a failure. Answers whether it could: an execution that runs or has succeeded is left as it is, and so is
    /// one whose history is full.
    pub fn redrive(&mut self, now: Timestamp) -> bool {
        let over = !matches!(self.status, Status::Running | Status::Succeeded { .. });
        if !over || !self.has_room() {
            return false;
        }
        self.now = self.now.max(super::to_the_millisecond(now));
        self.identity.redrive_count += 1;
        self.identity.redrive_time = Some(self.now);
        self.status = Status::Running;
        self.ended_at = None;
        self.threads = std::mem::take(&mut self.resumable);
        let details = EventDetails {
            redrive_count: Some(u64::from(self.identity.redrive_count)),
            ..EventDetails::default()
        };
        let redriven = self.push(EventType::ExecutionRedriven, 0, details);
        if let Some(seconds) = self.machine.timeout_seconds() {
            self.set_timer(seconds_milliseconds(seconds), Purpose::Execution);
        }
        let all: Vec<ThreadId> = self.threads.keys().copied().collect();
        for thread in all {
            self.resume(thread, redriven);
        }
        self.run();
        true
    }

    /// Whether the history has room for a redrive.
    pub fn has_room(&self) -> bool {
        self.history().len() + 2 < LONGEST_HISTORY
    }

    fn resume(&mut self, thread: ThreadId, redriven: u32) {
        let has_branches = self
            .threads
            .values()
            .any(|other| other.parent.is_some_and(|(parent, _)| parent == thread));
        let machine = Arc::clone(&self.machine);
        let Some(current) = self.threads.get_mut(&thread) else {
            return;
        };
        if let Some(Work::Iterations(iterations)) = current
            .visit
            .as_mut()
            .filter(|_| has_branches)
            .map(|visit| &mut visit.work)
        {
            iterations.failed = 0;
            iterations.done = iterations
                .outputs
                .iter()
                .filter(|output| output.is_some())
                .count();
        }
        if has_branches {
            return;
        }
        current.last_event = redriven;
        let state = machine.state(current.state);
        let reenters = matches!(state.state_type(), StateType::Fail | StateType::Choice);
        match &mut current.visit {
            Some(visit) if matches!(visit.work, Work::Joined(_)) => {}
            Some(visit) if !reenters => {
                visit.retried = vec![0; state.retriers.len()];
                visit.entered_at = self.now;
                let outcome = match (&state.kind, &visit.work) {
                    (Kind::Map(map), Work::MapRun(running)) if running.has_children() => {
                        map.redrive(self, thread)
                    }
                    _ => {
                        visit.work = Work::Begun;
                        state.kind.run(self, thread, state)
                    }
                };
                if let Err(failure) = outcome {
                    self.fail(thread, failure);
                }
                return;
            }
            visit => *visit = None,
        }
        self.ready.push_back(thread);
    }
}
