//! What an execution asks of its driver, and what the driver tells it. The driver is the `states` service or a test.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::map_effects::{ReadItems, StartChild, WriteResults};
use crate::map_run::MapRunLimits;
use crate::{Resource, Status};

/// A started task, unique within its execution. A retried task is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// A timer, unique within its execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// What the driver must now do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Call the resource. Answer with the `Task…` arrivals that carry its id.
    StartTask(StartTask),
    /// Read the items of a distributed Map.
    ReadItems(ReadItems),
    /// Start a child execution of a distributed Map.
    StartChild(StartChild),
    /// Write the results of a distributed Map.
    WriteResults(WriteResults),
    /// The task's result is no longer wanted (it timed out, its state machine failed or was stopped).
    CancelTask {
        /// The task that was started before.
        task: TaskId,
    },
    /// Deliver [`Arrival::Timer`] at that time.
    SetTimer {
        /// To be named in the arrival.
        timer: TimerId,
        /// When.
        at: Timestamp,
    },
    /// The timer is no longer wanted. Delivering it anyway is harmless.
    CancelTimer {
        /// The timer that was set before.
        timer: TimerId,
    },
}

/// A call of a Task state's resource. Its timeout and heartbeat are watched by the execution; the figures here are for
/// drivers that show them or pass them on (an activity's worker sees them).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartTask {
    /// To be named in every arrival about this task.
    pub task: TaskId,
    /// What to call.
    pub resource: Resource,
    /// The effective input: the payload of a function or activity, or the parameters of a service integration.
    pub arguments: Value,
    /// The state that calls.
    pub state_name: String,
    /// The token that `$$.Task.Token` showed, for `.waitForTaskToken` and activities.
    pub token: Option<String>,
    /// The value of the state's `Credentials`, if it has them.
    pub credentials: Option<Value>,
    /// `TimeoutSeconds`, if the state has one.
    pub timeout_seconds: Option<u64>,
    /// `HeartbeatSeconds`, if the state has one.
    pub heartbeat_seconds: Option<u64>,
}

/// What the driver tells an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Arrival {
    /// The resource has taken the task on. Optional: a later arrival implies it.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// The activity worker's name, if it gave one.
        worker_name: Option<String>,
    },
    /// A `.sync` or `.waitForTaskToken` integration has accepted the request and goes on.
    TaskSubmitted {
        /// The task.
        task: TaskId,
        /// The response to the request.
        output: Value,
    },
    /// The task is done.
    TaskSucceeded {
        /// The task.
        task: TaskId,
        /// Its result.
        output: Value,
    },
    /// The task has failed; `States.Timeout` as error reads as a timeout that the resource reported.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// The error's name, for example `Lambda.ServiceException` or a function's `errorType`.
        error: Option<String>,
        /// What happened; for a function, the error as JSON text.
        cause: Option<String>,
    },
    /// The task could not be started at all (`LambdaFunctionStartFailed`, `TaskStartFailed`).
    TaskStartFailed {
        /// The task.
        task: TaskId,
        /// The error's name.
        error: Option<String>,
        /// What happened.
        cause: Option<String>,
    },
    /// A `.sync` or `.waitForTaskToken` request was refused (`TaskSubmitFailed`).
    TaskSubmitFailed {
        /// The task.
        task: TaskId,
        /// The error's name.
        error: Option<String>,
        /// What happened.
        cause: Option<String>,
    },
    /// The task is alive.
    TaskHeartbeat {
        /// The task.
        task: TaskId,
    },
    /// A child execution has ended.
    ChildEnded {
        /// The task that started it.
        task: TaskId,
        /// How it ended.
        status: Status,
        /// Whether a redrive could take it up again.
        redrivable: bool,
    },
    /// UpdateMapRun has changed what a Map run may do.
    MapRunLimits {
        /// The Map run.
        map_run_arn: String,
        /// All of its limits.
        limits: MapRunLimits,
    },
    /// A timer's time has come.
    Timer {
        /// The timer.
        timer: TimerId,
    },
    /// The execution is stopped from outside.
    Stop {
        /// Given by whoever stops it.
        error: Option<String>,
        /// Given by whoever stops it.
        cause: Option<String>,
    },
}
