//! Hears what the services tell, passes it on, notes how far pipeline time has come, and lets callers wait for executions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_services::{Observer, Occurrence};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use virtual_time::{Clock, Work};

use crate::root::Root;

/// The runtime's own observer, in front of the caller's.
pub struct Journal {
    next: Arc<dyn Observer>,
    root: Arc<Root>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeSet<String>,
    ended: BTreeSet<String>,
    /// Who waits for which execution; each gets custody, so that time does not jump on before it has acted.
    waiters: BTreeMap<String, Vec<oneshot::Sender<Work>>>,
    quiet_waiters: Vec<oneshot::Sender<Work>>,
    time_complaint: bool,
}

impl Journal {
    pub(crate) fn new(next: Arc<dyn Observer>, root: Arc<Root>, clock: Clock) -> Self {
        Self {
            next,
            root,
            clock,
            state: Mutex::default(),
        }
    }

    /// Waits until an execution of this process has ended.
    pub async fn ended(&self, execution_arn: &str) -> Work {
        let end = {
            let mut state = self.state.lock();
            if state.ended.contains(execution_arn) {
                return self.clock.work();
            }
            let (sender, end) = oneshot::channel();
            let waiters = state.waiters.entry(execution_arn.to_owned());
            waiters.or_default().push(sender);
            end
        };
        match end.await {
            Ok(work) => work,
            // The sender is kept until the execution ends.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether no execution runs.
    pub fn is_quiet(&self) -> bool {
        self.state.lock().running.is_empty()
    }

    /// Waits until no execution runs.
    pub async fn quiet(&self) -> Work {
        let quiet = {
            let mut state = self.state.lock();
            if state.running.is_empty() {
                return self.clock.work();
            }
            let (sender, quiet) = oneshot::channel();
            state.quiet_waiters.push(sender);
            quiet
        };
        match quiet.await {
            Ok(work) => work,
            // The sender is kept until the last execution ends.
            Err(_) => std::future::pending().await,
        }
    }

    fn record(&self, occurrence: &Occurrence) {
        let mut state = self.state.lock();
        match occurrence {
            Occurrence::ExecutionStarted { execution_arn, .. } => {
                // A redriven execution runs again.
                state.ended.remove(execution_arn);
                state.running.insert(execution_arn.clone());
            }
            Occurrence::ExecutionEnded { execution_arn, .. } => {
                state.running.remove(execution_arn);
                state.ended.insert(execution_arn.clone());
                let mut waiters = state.waiters.remove(execution_arn).unwrap_or_default();
                if state.running.is_empty() {
                    waiters.append(&mut state.quiet_waiters);
                }
                for waiter in waiters {
                    // One that has stopped waiting gives its guard back.
                    let _ = waiter.send(self.clock.work());
                }
            }
            _ => {}
        }
    }
}

impl Observer for Journal {
    fn observe(&self, at: Timestamp, occurrence: Occurrence) {
        if let Err(error) = self.root.note_time(at) {
            let mut state = self.state.lock();
            if !std::mem::replace(&mut state.time_complaint, true) {
                tracing::warn!(%error, "the pipeline time could not be written down");
            }
        }
        // Whoever is woken may rely on the caller's observer having heard of it.
        let kept = matches!(
            occurrence,
            Occurrence::ExecutionStarted { .. } | Occurrence::ExecutionEnded { .. }
        )
        .then(|| occurrence.clone());
        self.next.observe(at, occurrence);
        if let Some(occurrence) = kept {
            self.record(&occurrence);
        }
    }
}
