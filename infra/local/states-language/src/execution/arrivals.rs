//! What an execution does with what its driver tells it.

use std::sync::Arc;

use super::{Execution, Purpose, ThreadId, Work};
use crate::states::Kind;
use crate::states::task::Outcome;
use crate::{Arrival, TaskId, TimerId};

impl Execution {
    /// Whether the arrival was awaited.
    pub(super) fn accept(&mut self, arrival: Arrival) -> bool {
        match arrival {
            Arrival::Timer { timer } => self.timer(timer),
            Arrival::Stop { error, cause } => {
                self.stop(error, cause);
                true
            }
            Arrival::TaskStarted { task, worker_name } => {
                self.task(task, Outcome::Started { worker_name })
            }
            Arrival::TaskSubmitted { task, output } => {
                self.task(task, Outcome::Submitted { output })
            }
            Arrival::TaskSucceeded { task, output } => {
                self.task(task, Outcome::Succeeded { output })
            }
            Arrival::TaskFailed { task, error, cause } => {
                self.task(task, Outcome::Failed { error, cause })
            }
            Arrival::TaskStartFailed { task, error, cause } => {
                self.task(task, Outcome::StartFailed { error, cause })
            }
            Arrival::TaskSubmitFailed { task, error, cause } => {
                self.task(task, Outcome::SubmitFailed { error, cause })
            }
            Arrival::TaskHeartbeat { task } => self.task(task, Outcome::Heartbeat),
            Arrival::ChildEnded {
                task,
                status,
                redrivable,
            } => self.task(
                task,
                Outcome::Child {
                    task,
                    status,
                    redrivable,
                },
            ),
            Arrival::MapRunLimits {
                map_run_arn,
                limits,
            } => self.limit_map_run(&map_run_arn, limits),
        }
    }

    fn timer(&mut self, timer: TimerId) -> bool {
        let Some(set) = self.timers.remove(&timer) else {
            return false;
        };
        match set.purpose {
            Purpose::Execution => self.time_out(),
            Purpose::Retry(thread) => self.retry_now(thread),
            Purpose::Wait(thread) => self.waited(thread),
            Purpose::Timeout(thread) => {
                self.task_arrival(thread, Outcome::TimedOut { heartbeat: false })
            }
            Purpose::Heartbeat(thread) => {
                self.task_arrival(thread, Outcome::TimedOut { heartbeat: true })
            }
        }
        true
    }

    fn task(&mut self, task: TaskId, outcome: Outcome) -> bool {
        let Some(thread) = self.tasks.get(&task).copied() else {
            return false;
        };
        self.task_arrival(thread, outcome);
        true
    }

    fn task_arrival(&mut self, thread: ThreadId, outcome: Outcome) {
        let machine = Arc::clone(&self.machine);
        let Some(state) = self
            .threads
            .get(&thread)
            .map(|current| machine.state(current.state))
        else {
            return;
        };
        let outcome = match &state.kind {
            Kind::Task(task) => task.arrived(self, thread, state, outcome),
            Kind::Map(map) => map.arrived(self, thread, outcome),
            _ => return,
        };
        if let Err(failure) = outcome {
            self.fail(thread, failure);
        }
    }

    fn waited(&mut self, thread: ThreadId) {
        let machine = Arc::clone(&self.machine);
        let Some(state) = self
            .threads
            .get(&thread)
            .map(|current| machine.state(current.state))
        else {
            return;
        };
        self.set_work(thread, Work::Begun);
        if let Err(failure) = crate::states::wait::over(self, thread, state) {
            self.fail(thread, failure);
        }
    }

    /// Registers a task that is about to be started.
    pub(crate) fn expect(&mut self, task: TaskId, thread: ThreadId) {
        self.tasks.insert(task, thread);
    }

    /// A number for a task.
    pub(crate) fn task_id(&mut self) -> TaskId {
        TaskId(self.number())
    }

    /// A token that nobody can guess.
    pub(crate) fn token(&mut self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.random.bytes::<48>())
    }

    /// Lets go of a task's timers and of its result.
    pub(crate) fn release(&mut self, task: &super::RunningTask) {
        self.tasks.remove(&task.start.task);
        for timer in [task.timeout, task.heartbeat].into_iter().flatten() {
            self.cancel_timer(timer);
        }
    }

    /// The result of a task is there, or is not wanted any more. Whether it was awaited.
    pub(crate) fn forget(&mut self, task: TaskId) -> bool {
        self.tasks.remove(&task).is_some()
    }

    /// Asks the driver for something.
    pub(crate) fn ask(&mut self, effect: crate::Effect) {
        self.effects.push(effect);
    }

    /// A UUID that nobody can guess.
    pub(crate) fn uuid(&mut self) -> String {
        self.random.uuid()
    }

    /// A seed for the randomness of a child execution.
    pub(crate) fn seed(&mut self) -> u64 {
        u64::from_le_bytes(self.random.bytes())
    }

    pub(crate) fn start_task(&mut self, start: crate::StartTask) {
        self.effects.push(crate::Effect::StartTask(start));
    }

    pub(crate) fn cancel_task(&mut self, task: TaskId) {
        self.effects.push(crate::Effect::CancelTask { task });
    }
}
